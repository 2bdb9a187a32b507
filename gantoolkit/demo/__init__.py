"""`gantoolkit demo`: a page in the browser to paint a condition, type a prompt and turn the head.

command   the verb: which runs, which address
models    runs by name; every network is loaded once
studio    from a request to renders; every intermediate result is cached (no gradio)
drawing   what the painter hands in as label maps and strokes, and back
examples  faces that the page offers to begin with
figures   pictures as HTML
history   what a visitor drew so far, and two of it side by side
package   the download: pictures, the condition, and the manifest that repeats them
painter   a canvas with a palette; painter.js draws on it
controls  the controls of the page, in two columns
layout    the page, and which event each control starts
page      what the events do
address   where it is served, checked first
server    the server that hands out the page
"""
