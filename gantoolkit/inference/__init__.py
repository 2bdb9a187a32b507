"""From a finished run, an exported bridge or a preset to faces.

load              a FacePipeline from a run, an exported bridge or a preset
face_pipeline     the pipeline that people call: prompts and pictures in, faces out
faces             what it drew: pictures, codes, depth, other views, a film, a mesh
bridge_files      files of trained bridges: written, found, read, checked
generate          `gantoolkit generate`: faces from a prompt with label maps or scribbles
jobs              what a command will draw: a job per picture, prompt and seed
outputs           the files of one code
generate_dataset  faces for every sample of a data set
options           the options of `gantoolkit generate`
prompts           its prompts: given, from a file, or a caption per picture
manifest          manifest.jsonl, which says what made each file
prompt_check      words of a prompt that a model does not know or read
cameras           where a latent is seen from: labels, estimates, side views, a turntable
head_shape        the surface of a head alone, for meshes
attention         where the U-Net looks for the words of a prompt
hub               pipelines as folders of the Hub's form
publish           such a folder uploaded to the Hub
"""
