"""Cameras of EG3D: poses on a sphere, intrinsics from a field of view, one ray per pixel.

Axes are OpenCV's (x right, y down, z forward), the world's y is up. Intrinsics are divided by the
image size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gantoolkit.core.types import Camera

RADIUS = 2.7  # distance of the camera from the origin, FFHQ
PIVOT = (0.0, 0.0, 0.2)  # the point it looks at, FFHQ
FOCAL = 4.2647  # focal length / image width, FFHQ (full field of view 13.4°)
YAWS = (-0.4, 0.0, 0.4)  # radians, of the views that pictures show
# Pitch of a camera level with the face in FFHQ's frame; EG3D's scripts render frontal views at
# −0.2.
FFHQ_LEVEL = -0.16


def intrinsics(focal: float = FOCAL) -> Tensor:
    """Make intrinsics [3,3] with the principal point in the middle."""
    return torch.tensor([[focal, 0, 0.5], [0, focal, 0.5], [0, 0, 1.0]])


def _look_along(forward: Tensor, origin: Tensor) -> Tensor:
    """Poses cam2world [B,4,4] from directions and positions [B,3]; the camera's y points down."""
    forward = F.normalize(forward, dim=-1)
    up = torch.tensor([0.0, 1.0, 0.0], device=forward.device).expand_as(forward)
    right = -F.normalize(torch.linalg.cross(up, forward, dim=-1), dim=-1)
    down = F.normalize(torch.linalg.cross(forward, right, dim=-1), dim=-1)
    pose = torch.eye(4, device=forward.device).repeat(len(forward), 1, 1)
    pose[:, :3] = torch.stack([right, down, forward, origin], -1)
    return pose


def look_at(
    yaw: Tensor | float, pitch: Tensor | float, pivot=PIVOT, radius: float = RADIUS
) -> Tensor:
    """Pose cameras on a sphere about the origin so that they look at `pivot`: cam2world [B,4,4].

    yaw, pitch  radians, 0 = frontal
    radius      of the sphere, which the pivot does not move (as in EG3D's LookAtPoseSampler)
    """
    yaw = torch.as_tensor(yaw, dtype=torch.float32).reshape(-1)
    pitch = torch.as_tensor(pitch, dtype=torch.float32).reshape(-1)
    yaw, pitch = torch.broadcast_tensors(yaw, pitch)

    theta = math.pi - (math.pi / 2 + yaw)
    v = (math.pi / 2 + pitch).clamp(1e-5, math.pi - 1e-5)
    phi = torch.arccos(1 - 2 * (v / math.pi))
    x = phi.sin() * theta.cos()
    y = phi.cos()
    z = phi.sin() * theta.sin()
    origin = radius * torch.stack([x, y, z], -1)

    target = torch.as_tensor(pivot, dtype=torch.float32).to(origin)
    return _look_along(target - origin, origin)


def orbit_camera(
    yaw: Tensor | float,
    pitch: Tensor | float = 0.0,
    pivot=PIVOT,
    radius: float = RADIUS,
    focal: float = FOCAL,
) -> Camera:
    """Make cameras [B] at (yaw, pitch) in radians, which look at `pivot`."""
    pose = look_at(yaw, pitch, pivot, radius)
    return Camera(pose, intrinsics(focal).to(pose).expand(len(pose), 3, 3))


@dataclass(frozen=True)
class Frame:
    """Where the cameras of a generator's training data stand: on a sphere about the origin."""

    level: float = 0.0  # pitch in radians at which a camera looks straight at faces
    pivot: tuple[float, float, float] = PIVOT  # what cameras look at
    radius: float = RADIUS
    focal: float = FOCAL  # focal length / image width

    def camera(self, yaw: Tensor | float = 0.0, pitch: Tensor | float = 0.0) -> Camera:
        """Make cameras [B] at (yaw, pitch) in radians.

        Pitch 0 is the equator, not the level of faces.
        """
        return orbit_camera(yaw, pitch, self.pivot, self.radius, self.focal)

    def facing(self, yaw: Tensor | float = 0.0, pitch: Tensor | float = 0.0) -> Camera:
        """Make cameras [B] at (yaw, pitch) in radians from one that looks straight at faces."""
        return self.camera(yaw, pitch + self.level)

    def side(self, yaw: float, count: int = 1) -> Camera:
        """Make `count` equal cameras, level with faces, turned by `yaw` radians."""
        return self.facing(torch.full((count,), float(yaw)))


def frame_of(generator) -> Frame:
    """Return the frame of a generator; FFHQ's sphere, upright, where it has none."""
    return getattr(generator, "frame", None) or Frame()


def as_camera(camera: Camera | Tensor) -> Camera:
    """Return a Camera as it is, or make one from labels [B,25]."""
    return camera if isinstance(camera, Camera) else Camera.from_label(camera)


def sample_rays(camera: Camera, resolution: int) -> tuple[Tensor, Tensor]:
    """Cast rays through the pixel centers, row by row.

    Returns origins and unit directions [B,resolution²,3]."""
    pose = camera.cam2world
    matrix = camera.intrinsics
    fx = matrix[:, 0, 0, None]
    fy = matrix[:, 1, 1, None]
    cx = matrix[:, 0, 2, None]
    cy = matrix[:, 1, 2, None]
    skew = matrix[:, 0, 1, None]

    pixels = torch.arange(resolution, dtype=torch.float32, device=pose.device)
    centers = pixels * (1 / resolution) + 0.5 / resolution
    v, u = torch.meshgrid(centers, centers, indexing="ij")
    u = u.reshape(1, -1)
    v = v.reshape(1, -1)

    x = (u - cx + cy * skew / fy - skew * v / fy) / fx
    y = (v - cy) / fy
    in_camera = torch.stack([x, y, torch.ones_like(x), torch.ones_like(x)], 1)  # [B,4,M]
    in_world = torch.bmm(pose.float(), in_camera).transpose(1, 2)[..., :3]
    origins = pose[:, None, :3, 3]
    # Transform points, then subtract, as EG3D does: fine planes amplify the last bit of a
    # direction.
    directions = F.normalize(in_world - origins, dim=-1)
    return origins.expand_as(directions), directions
