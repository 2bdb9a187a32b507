"""`gantoolkit demo`: a page in the browser where one paints a condition, types a prompt and turns the head.

command   the verb: which runs, which address
models    runs by name; every network is loaded once
studio    from a wish to pictures; every intermediate result is kept for a while (no gradio)
drawing   what the painter hands in as label maps and strokes, and back
figures   pictures as HTML
package   the download: pictures, the condition, and the manifest that repeats them
page      the Gradio page; painter.js is its canvas
"""
