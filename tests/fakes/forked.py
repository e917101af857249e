"""What forked children of a test's fork server do."""
import os, sys
def say():
    print("hello", os.getpid(), os.getcwd(), sys.argv, os.environ.get("PWD"), flush=True)
