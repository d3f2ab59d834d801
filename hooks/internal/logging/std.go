//go:build go1.21

package logging

import (
	"io"
	"log/slog"
)

// Logger writes structured log lines. It is safe for concurrent use.
type Logger = *slog.Logger

// NewJSON returns a logger that writes a JSON object per event to w.
func NewJSON(w io.Writer) Logger {
	return slog.New(slog.NewJSONHandler(w, nil))
}

// New returns a logger that writes a line of key=value pairs per event to w.
func New(w io.Writer) Logger {
	return slog.New(slog.NewTextHandler(w, nil))
}
