// Package installed tries the installed package as an administrator would:
// on a virtual cluster of the real Ganeti, with the program, the hook, the manual
// and the completion where the package has put them. The build tag "installed"
// turns it on.
package installed
