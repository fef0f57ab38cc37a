"""What people see: tables, progress, wording, standard streams."""
