"""Tasks `vae`, `diffusion` and `controlnet`: the latent diffusion model and what conditions it."""
