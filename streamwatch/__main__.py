"""`python -m streamwatch`."""

from streamwatch.cli import main

if __name__ == "__main__":
    main()
