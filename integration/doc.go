// Package integration holds the tests that put all parts together: on a
// simulated master, and, with the build tag cluster and as root, on real ones.
//
// On real clusters the program is always run as administrators run it: by
// ganeti-watcher, or as the hook that ganeti-watcher runs. What it did is read
// from the cluster alone: its tags, its job queue, its instances.
package integration
