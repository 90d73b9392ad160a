"""A page that shows the app as ChatGPT would: it signs in, lists the tools, calls them, draws the widgets."""
