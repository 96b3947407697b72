"""One file per task: its scene, its outcome and its scripted supervisor."""
