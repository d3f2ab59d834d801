// Package logging is the only place that knows which structured logger is used:
// log/slog where the standard library has it, its ancestor golang.org/x/exp/slog
// with older Go. Both write the same lines.
//
// Each of the two files defines Logger, whose Info, Warn and Error take a
// message and alternating keys and values, New and NewJSON.
package logging
