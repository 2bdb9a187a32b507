"""Data sets, a user's label maps and scribbles, cameras: how they are read, checked and made.

What training and evaluation read:

    face_zip         FaceZip, the form of every data set here: one zip of images and all about them
    face_records     its lines of samples.jsonl
    pair_rule        which caption and which noise stand for a sample, wherever it is drawn
    lazy_images      its images, decoded when they are indexed
    split            which faces a task trains on, and which it holds out
    cameras          camera labels, their conventions, and a fit to landmarks
    landmarks        points on a face: from its label map, a file or a photo
    pose             the camera of a label map
    pose_features    what it is estimated from

What a user hands in:

    user_inputs      label maps and scribbles on disk, as Conditions
    examples         those that the package holds
    given_images     images, arrays and tensors of a program, as if they were files
    rgb              one picture, of whatever kind, as RGB of 8 bits
    label_maps       one label map
    label_colors     its classes by colors, also soft or in another channel order
    label_palettes   its classes in an indexed image: by indices or by colors
    label_quantized  whether saving in few colors merged classes
    label_doubts     what speaks against it
    label_orders     which order label maps are numbered in
    anatomy          what a face's label map must look like
    user_scribbles   one scribble
    image_files      every image file is opened and decoded here

How data sets are made and checked (`gantoolkit data`):

    prepare          published data, or a folder of one's own, to zips
    crop             the crops of FFHQ and EG3D
    scribbles        scribbles from photos
    check            what is wrong with a data set
    check_report     what a check finds
    resize           a data set at a smaller size
    workers          tasks done by spawned processes

Classes, palette and orders of label maps are in core/labels.py, conversions of images in
core/images.py.
"""
