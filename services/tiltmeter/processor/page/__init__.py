"""The status page: one HTML document without any other file, put together from the sources beside this one."""
