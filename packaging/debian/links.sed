# The manual and the licence have places of their own in a package.
s,](LICENSE),](copyright),g
s,](hooks/ganeti-autorepair/doc/\(ganeti-autorepair[.a-z]*\.\([58]\)\)),](../../man/man\2/\1.gz),g
s,](\.\./hooks/ganeti-autorepair/schema),](../schema),g
