"""One namespace and its Argo CD installations: gather, decide, plan, apply, report."""
