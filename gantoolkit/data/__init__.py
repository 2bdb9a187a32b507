"""Data: sample zips, label maps, conditions; how they are read, checked and made.

zipdata       FaceZip, the form of every data set here: images, label maps, captions, cameras in one zip
pictures      its pictures, decoded when they are asked for
labels        the 19 classes, their palette and their mirror
conditions    label maps to one-hot masks, 8-bit pictures to −1..1 and back
cameras       camera labels, their conventions, and a fit to landmarks
landmarks     points on a face: from its label map, a file or a photo
pose          the camera of a label map

inputs        what a user hands in, as Conditions
read          a user's label map
orders        which order its classes are numbered in
strokes       a user's scribble
scribbles     scribbles from photos

prepare       published data, or a folder of one's own, to zips
crop          the crops of FFHQ and EG3D
check         what is wrong with a data set
resize        a data set at a smaller size
workers       tasks done by spawned processes
verbs         arguments of `gantoolkit data`
"""
