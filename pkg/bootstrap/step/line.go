package step

import (
	"io"
	"strings"
)

// Lines gives what is written on, line by line.
func Lines(note func(line string)) io.Writer { return &lineWriter{note: note} }

type lineWriter struct {
	note    func(line string)
	partial string
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	text := w.partial + string(p)
	for {
		line, rest, whole := strings.Cut(text, "\n")
		if !whole {
			w.partial = text
			return len(p), nil
		}
		w.note(line)
		text = rest
	}
}
