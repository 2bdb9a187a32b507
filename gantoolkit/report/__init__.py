"""What a run leaves for people: its record, pictures, plots and one self-contained HTML page."""
