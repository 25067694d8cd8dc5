"""The script EMR starts: the same command line as on a laptop."""

from jobs.cli import main

if __name__ == "__main__":
    main()
