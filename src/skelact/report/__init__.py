"""Report: renderers of results, as text, HTML, Markdown and SVG."""
