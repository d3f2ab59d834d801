package luxi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// EndOfMessage is the byte that ends every message, in both directions
// (LUXI_EOM in lib/constants.py, eOM in src/Ganeti/UDSServer.hs). It cannot
// occur inside JSON text, where a control character is always escaped.
const EndOfMessage = 0x03

// DefaultMaxFrame is the largest message, in bytes without its end marker,
// that is accepted by default. Ganeti itself has no limit; all jobs of a large
// cluster with their opcodes are some ten megabytes.
const DefaultMaxFrame = 256 << 20

// ErrFrameTooLarge is returned by ReadFrame when a message is longer than the
// limit. The stream is then in the middle of a message and of no further use.
var ErrFrameTooLarge = errors.New("luxi: message exceeds the size limit")

// ReadFrame reads one message from r and returns it without its end marker.
// The result may be empty but is not nil, and is the caller's to keep.
//
// At most max bytes of payload are accepted (DefaultMaxFrame if max is not
// positive); a longer message is ErrFrameTooLarge, found out without holding
// more than a small multiple of max in memory. The end of the stream is io.EOF
// between two messages and io.ErrUnexpectedEOF inside one. Other errors are
// those of the underlying reader.
func ReadFrame(r *bufio.Reader, max int) ([]byte, error) {
	if max <= 0 {
		max = DefaultMaxFrame
	}
	frame := []byte{}
	for {
		// ReadSlice returns at most one buffer at a time, so that the limit is
		// checked before memory is allocated. ReadBytes would read the whole message
		// first.
		chunk, err := r.ReadSlice(EndOfMessage)
		if err == nil {
			chunk = chunk[:len(chunk)-1]
		}
		if len(chunk) > max-len(frame) {
			return nil, ErrFrameTooLarge
		}
		if need := len(frame) + len(chunk); need > cap(frame) && len(frame) > 0 {
			// append adds a quarter at a time, and leaves four times the message behind.
			frame = append(make([]byte, 0, 2*need), frame...)
		}
		frame = append(frame, chunk...)
		switch {
		case err == nil:
			return frame, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(frame) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// WriteFrame writes payload and its end marker to w in one Write. A payload
// that contains the end marker is refused before anything is written, since
// the other side would take it for two messages.
func WriteFrame(w io.Writer, payload []byte) error {
	frame, err := appendFrame(make([]byte, 0, len(payload)+1), payload)
	if err != nil {
		return err
	}
	_, err = w.Write(frame)
	return err
}

// appendFrame appends payload and its end marker to dst.
func appendFrame(dst, payload []byte) ([]byte, error) {
	if i := bytes.IndexByte(payload, EndOfMessage); i >= 0 {
		return nil, fmt.Errorf("luxi: message holds the end marker 0x03 at byte %d", i)
	}
	return append(append(dst, payload...), EndOfMessage), nil
}
