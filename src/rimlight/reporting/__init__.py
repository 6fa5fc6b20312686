"""HTML pages in one style; each page is a single file that loads nothing from the network.

A page is a Jinja2 template next to the module that fills it:

    {% extends "layout.html" %}
    {% from "macros.html" import figure, table %}
    {% block content %}
    <p class="note">{{ note }}</p>
    {{ table(["data", "IoU"], rows) }}
    <div class="plots">{{ plot }}</div>
    {% endblock %}

and Python prepares plain values for it:

    render_page(Path(__file__).with_name("page.html"), title="Run 3", note="...", rows=rows,
                plot=plots.bars("IoU", ious))

Every value is escaped, and a missing one raises. `{{ data|tojson }}` is safe within <script>,
`inline("page.js")` inserts a file next to the template, `src="{{ jpeg_uri(image) }}"` an image.
`templates/style.css` defines the colors for light and dark, and the classes of all pages.
"""
