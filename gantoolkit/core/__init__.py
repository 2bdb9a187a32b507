"""What every module may import: types, errors, files, images, labels, cameras, devices.

types        Condition → Features → Latent → Render → Scores → Record
stages       what a pipeline needs of encoder, bridge and generator, as types
errors       errors that reach a person, as one sentence
files        atomic writes, JSON, sha256
text         text of other people's files, decoded right or refused
compat       every patch of a third party
yapf_cache   import yapf, which mmengine needs, although its cache may be broken
labels       the 19 classes of CelebAMask-HQ
images       label maps to one-hot masks, 8-bit images to tensors and back
camera       poses on a sphere, intrinsics, rays
distributed  one process or several
threads      how many CPU threads torch computes on
precision    bfloat16 where the device computes it, else float32
progress     what the screen shows while something long runs
parts        the networks of a foreign checkpoint
suggest      what is close to a mistyped name
prompt_words  what near words of a prompt are read as
limits       values that the command line, Python, configs and the demo take alike
"""
