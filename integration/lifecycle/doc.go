// Package lifecycle tries what happens to a machine when the package is built,
// installed, upgraded, removed and purged on it, by dpkg and from a signed repository by
// apt, beside the real ganeti package.
// The build tag "lifecycle" turns it on. It changes the machine, so it runs only
// in a throwaway copy of one, see integration/system/run.
package lifecycle
