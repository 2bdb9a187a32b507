"""From a finished run, an exported bridge or a preset to faces.

load              a Pipeline from a run, an exported bridge or a preset
generate          `gantoolkit generate`: faces from a prompt with label maps or scribbles
generate_dataset  faces for every sample of a data set
cameras           base view, side views, turntable of a finished latent
attention         where the U-Net looks for the words of a prompt
hub               pipelines as folders of the Hub's form
"""
