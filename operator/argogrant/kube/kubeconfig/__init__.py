"""Configuration of a client, as kubectl reads it: files, contexts and credentials.

Text becomes entries (``documents``), files are merged (``loading``), and a context with
the options of the command line chooses among them (``choosing``). What kubectl refuses
is refused by an ``InvalidKubeconfig``, whose message never repeats a value that can be
secret.
"""
