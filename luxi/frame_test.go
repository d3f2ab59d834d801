package luxi_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"ganeti-autorepair/luxi"
)

func TestReadFrame(t *testing.T) {
	long := strings.Repeat("x", 100)
	broken := errors.New("broken")
	for _, tt := range []struct {
		name   string
		in     io.Reader
		max    int
		frames []string
		err    error // after the frames
	}{
		{"nothing", strings.NewReader(""), 0, nil, io.EOF},
		{"one", strings.NewReader("a\x03"), 0, []string{"a"}, io.EOF},
		{"empty", strings.NewReader("\x03\x03"), 0, []string{"", ""}, io.EOF},
		{"two", strings.NewReader("a\x03bc\x03"), 0, []string{"a", "bc"}, io.EOF},
		{"cut", strings.NewReader("a\x03bc"), 0, []string{"a"}, io.ErrUnexpectedEOF},
		{"longer than the buffer", strings.NewReader(long + "\x03b\x03"), 0, []string{long, "b"}, io.EOF},
		{"cut, longer than the buffer", strings.NewReader(long), 0, nil, io.ErrUnexpectedEOF},
		{"byte by byte", iotest.OneByteReader(strings.NewReader(long + "\x03b\x03")), 0, []string{long, "b"}, io.EOF},
		{"at the limit", strings.NewReader(long + "\x03"), 100, []string{long}, io.EOF},
		{"over the limit", strings.NewReader(long + "\x03"), 99, nil, luxi.ErrFrameTooLarge},
		{"small, over the limit", strings.NewReader("ab\x03"), 1, nil, luxi.ErrFrameTooLarge},
		{"cut, over the limit", strings.NewReader(long), 99, nil, luxi.ErrFrameTooLarge},
		{"reader fails", io.MultiReader(strings.NewReader("a\x03b"), iotest.ErrReader(broken)), 0, []string{"a"}, broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := bufio.NewReaderSize(tt.in, 16) // the smallest there is
			for i, want := range tt.frames {
				got, err := luxi.ReadFrame(r, tt.max)
				if err != nil || got == nil || string(got) != want {
					t.Fatalf("frame %d: %q, %v; want %q", i, got, err, want)
				}
			}
			got, err := luxi.ReadFrame(r, tt.max)
			if !errors.Is(err, tt.err) || got != nil {
				t.Fatalf("after the frames: %q, %v; want %v", got, err, tt.err)
			}
		})
	}
}

// endless never delivers an end marker, and counts what is taken from it.
type endless struct{ n int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	e.n += len(b)
	return len(b), nil
}

func TestReadFrameStopsAtTheLimit(t *testing.T) {
	in := new(endless)
	if _, err := luxi.ReadFrame(bufio.NewReaderSize(in, 4096), 1<<20); !errors.Is(err, luxi.ErrFrameTooLarge) {
		t.Fatalf("error %v, want ErrFrameTooLarge", err)
	}
	if in.n > 1<<20+2*4096 {
		t.Errorf("took %d bytes for a limit of %d", in.n, 1<<20)
	}
}

// TestReadFrameKeeps proves that a frame is not overwritten by the next one.
func TestReadFrameKeeps(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("one\x03two\x03"))
	first, err := luxi.ReadFrame(r, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := luxi.ReadFrame(r, 0); err != nil || string(first) != "one" {
		t.Errorf("the first frame became %q (%v)", first, err)
	}
}

// writes records every Write.
type writes [][]byte

func (w *writes) Write(b []byte) (int, error) {
	*w = append(*w, append([]byte(nil), b...))
	return len(b), nil
}

func TestWriteFrame(t *testing.T) {
	for _, payload := range []string{"", "{}", "caf\u00e9"} {
		var w writes
		if err := luxi.WriteFrame(&w, []byte(payload)); err != nil {
			t.Errorf("%q: %v", payload, err)
		}
		if len(w) != 1 || string(w[0]) != payload+"\x03" {
			t.Errorf("%q was written as %q", payload, w)
		}
	}
	var w writes
	if err := luxi.WriteFrame(&w, []byte("a\x03b")); err == nil || len(w) != 0 {
		t.Errorf("a payload with an end marker: error %v, written %q", err, w)
	}
	full := errors.New("full")
	if err := luxi.WriteFrame(failWriter{full}, []byte("a")); !errors.Is(err, full) {
		t.Errorf("error %v, want the writer's", err)
	}
}

type failWriter struct{ err error }

func (w failWriter) Write([]byte) (int, error) { return 0, w.err }

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("{}\x03"), 16)
	f.Add([]byte("a\x03\x03b"), 1)
	f.Add(bytes.Repeat([]byte("x"), 40), 39)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, in []byte, max int) {
		r := bufio.NewReaderSize(bytes.NewReader(in), 16)
		rest := in
		for {
			got, err := luxi.ReadFrame(r, max)
			if err != nil {
				checkFrameError(t, rest, max, err)
				return
			}
			if max > 0 && len(got) > max {
				t.Fatalf("frame of %d bytes for a limit of %d", len(got), max)
			}
			var w bytes.Buffer
			if err := luxi.WriteFrame(&w, got); err != nil || !bytes.HasPrefix(rest, w.Bytes()) {
				t.Fatalf("frame %q (%v) is not the beginning of %q", got, err, rest)
			}
			rest = rest[w.Len():]
		}
	})
}

// checkFrameError fails the test unless err is what reading a frame from rest
// must come to.
func checkFrameError(t *testing.T, rest []byte, max int, err error) {
	end := bytes.IndexByte(rest, luxi.EndOfMessage)
	length := end
	if end < 0 {
		length = len(rest)
	}
	var want error
	switch {
	case max > 0 && length > max:
		want = luxi.ErrFrameTooLarge
	case len(rest) == 0:
		want = io.EOF
	case end < 0:
		want = io.ErrUnexpectedEOF
	}
	if !errors.Is(err, want) || want == nil {
		t.Fatalf("error %v for %q with limit %d, want %v", err, rest, max, want)
	}
}
