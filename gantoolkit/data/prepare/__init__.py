"""From published data, or a folder of one's own, to zips (`gantoolkit data prepare`).

sources    what lies where: images, label maps or part masks, captions, drawings, cameras
captions   captions in their published layouts
sample     one sample: cropped image, 19-class label map, scribble, camera
shards     all samples: shards by worker processes, resumable
assemble   from shards to one zip per split, and the lists beside them
split      who is trained on, who is tested, and the frozen list of evaluation pairs
problem    what is wrong with a sample
"""
