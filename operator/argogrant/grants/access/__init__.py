"""Who may request a grant, who must approve it, and whether they did. Pure."""
