"""Pure: from pipeline, workspace, selection and history to the Plan. The same inputs give the same bytes."""
