package plain

import (
	"io"
	"sync"
	"unicode/utf8"
)

// Writer spells out in a stream what Allowed does not allow. A character that is split
// over two writes is held back until it is whole; Flush lets it go.
type Writer struct {
	mu      sync.Mutex
	to      io.Writer
	limit   int    // bytes of a line; 0: any number
	partial []byte // the beginning of a character
	line    int    // bytes of the line that went on
	late    []byte // what comes behind them, as long as the line may end with it
	lost    int    // bytes of the line that do not go on
}

// NewWriter makes a Writer whose lines have any length, as those of JSON.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// NewLineWriter makes a Writer that cuts lines behind MaxLine bytes.
func NewLineWriter(to io.Writer) *Writer { return &Writer{to: to, limit: MaxLine} }

// room is how much of a line is held back, so that the note of a cut fits.
const room = 48

// Write implements io.Writer. It takes all of p unless the writer below fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.partial, p...)
	keep := unfinished(text)
	w.partial = append([]byte(nil), text[len(text)-keep:]...)
	if err := w.put([]byte(Escape(string(text[:len(text)-keep])))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what was held back, and has the writer below do the same.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := Escape(string(w.partial))
	w.partial = nil
	err := w.put([]byte(text))
	if err == nil {
		err = w.send(w.rest())
	}
	if below, ok := w.to.(interface{ Flush() error }); ok && err == nil {
		err = below.Flush()
	}
	return err
}

// Fd is the descriptor of what is written to, and none where it is not a file.
func (w *Writer) Fd() uintptr {
	if file, ok := w.to.(interface{ Fd() uintptr }); ok {
		return file.Fd()
	}
	return ^uintptr(0)
}

// put lets escaped text go on, without what is too long of its lines.
func (w *Writer) put(text []byte) error {
	if w.limit == 0 {
		return w.send(text)
	}
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		_, size := utf8.DecodeRune(text)
		r := text[:size]
		text = text[size:]
		switch {
		case r[0] == '\n':
			out = append(append(out, w.rest()...), '\n')
			w.line = 0
		case w.lost > 0:
			w.lost += size
		case len(w.late) == 0 && w.line+size <= w.limit-room:
			out = append(out, r...)
			w.line += size
		case w.line+len(w.late)+size <= w.limit:
			w.late = append(w.late, r...)
		default:
			w.lost, w.late = len(w.late)+size, nil
		}
	}
	return w.send(out)
}

// rest is what was held back of a line, or what stands in its place.
func (w *Writer) rest() []byte {
	rest := w.late
	if w.lost > 0 {
		rest = []byte(leftOut(w.lost))
	}
	w.line += len(rest)
	w.late, w.lost = nil, 0
	return rest
}

func (w *Writer) send(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := w.to.Write(text)
	return err
}

// unfinished is the number of bytes at the end of text that may be the beginning of a
// character.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if utf8.RuneStart(text[len(text)-n]) {
			if !utf8.FullRune(text[len(text)-n:]) {
				return n
			}
			break
		}
	}
	return 0
}
