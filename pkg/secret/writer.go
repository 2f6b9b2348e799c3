package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// minMasked is the length under which a value is not masked: masking "a" or
// "1" would make the text unreadable and hide nothing worth hiding.
const minMasked = 4

// Writer masks known secrets, and their encoded and escaped forms, in
// what passes through it. It holds back as many bytes as a secret that is split
// over two writes may need; Flush lets them go.
type Writer struct {
	mu      sync.Mutex
	to      io.Writer
	known   map[Value]bool  // whose forms are masked
	seen    map[string]bool // the forms
	forms   [][]byte        // the longest first
	longest int
	starts  map[start][][]byte // the forms, by how they start
	parts   map[string]bool    // what is shorter than that and starts a form
	held    []byte
}

// start is how a form starts: nearly every place of a text is none, so that hundreds of
// forms are not looked for one by one.
type start [minMasked]byte

// NewWriter masks values in what is written to the returned Writer before it
// reaches to.
func NewWriter(to io.Writer, values ...Value) *Writer {
	w := &Writer{to: to, known: map[Value]bool{}, seen: map[string]bool{}, starts: map[start][][]byte{}, parts: map[string]bool{}}
	w.Add(values...)
	return w
}

// Add makes the writer mask more values from now on.
func (w *Writer) Add(values ...Value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.forms)
	for _, v := range values {
		if w.known[v] { // the same ones come with each step of a run
			continue
		}
		w.known[v] = true
		for _, form := range forms(v.Reveal()) {
			if len(form) >= minMasked && !w.seen[form] {
				w.addForm(form)
			}
		}
	}
	if len(w.forms) == before {
		return
	}
	// Longest first: a secret that contains another is masked whole.
	sort.Slice(w.forms, func(i, j int) bool { return len(w.forms[i]) > len(w.forms[j]) })
	w.longest = len(w.forms[0])
}

// addForm makes the writer mask one more form. The caller holds mu, and sorts forms.
func (w *Writer) addForm(form string) {
	w.seen[form] = true
	b := []byte(form)
	w.forms = append(w.forms, b)
	key := start(b[:minMasked])
	w.starts[key] = append(w.starts[key], b)
	for n := 1; n < minMasked; n++ {
		w.parts[form[:n]] = true
	}
}

// Write implements io.Writer. It always takes all of p unless the writer below
// fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, p...)
	w.held = w.mask(w.held)
	keep := w.tail(w.held)
	if _, err := w.to.Write(w.held[:len(w.held)-keep]); err != nil {
		return 0, err
	}
	w.held = append([]byte(nil), w.held[len(w.held)-keep:]...)
	return len(p), nil
}

// Flush writes what was held back, and has the writer below do the same.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.to.Write(w.held)
	w.held = nil
	if below, ok := w.to.(interface{ Flush() error }); ok && err == nil {
		err = below.Flush()
	}
	return err
}

// Mask gives a text that is whole as it comes out of the writer.
func (w *Writer) Mask(text string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.mask([]byte(text)))
}

// mask replaces every known form in b.
func (w *Writer) mask(b []byte) []byte {
	if !w.mayHold(b) {
		return b
	}
	for _, form := range w.forms {
		if bytes.Contains(b, form) {
			b = bytes.ReplaceAll(b, form, []byte(Redacted))
		}
	}
	return b
}

// mayHold says whether a form starts anywhere in b.
func (w *Writer) mayHold(b []byte) bool {
	for ; len(b) >= minMasked; b = b[1:] {
		if w.starts[start(b)] != nil {
			return true
		}
	}
	return false
}

// tail is the number of bytes at the end of b that may be the start of a secret.
func (w *Writer) tail(b []byte) int {
	b = b[len(b)-min(len(b), max(0, w.longest-1)):]
	for ; len(b) >= minMasked; b = b[1:] {
		for _, form := range w.starts[start(b)] {
			if len(b) < len(form) && bytes.HasPrefix(form, b) {
				return len(b)
			}
		}
	}
	for ; len(b) > 0; b = b[1:] {
		if w.parts[string(b)] {
			return len(b)
		}
	}
	return 0
}

// forms are the shapes in which a secret turns up in text: as it is, line by
// line (keys span several), escaped for JSON, URLs or %q, in hexadecimal digits,
// and in base64 at each of the three alignments that an enclosing text can give it.
func forms(text string) []string {
	if text == "" {
		return nil
	}
	if bare := strings.TrimSpace(text); bare != text { // as it is sent, and so may come back
		return append(forms(bare), formsOf(text)...)
	}
	return formsOf(text)
}

// formsOf gives the forms of a text as it is.
func formsOf(text string) []string {
	out := []string{text, url.QueryEscape(text), url.PathEscape(text)}
	for _, quoted := range append(quotedJSON(text), strconv.Quote(text), strconv.QuoteToASCII(text)) {
		out = append(out, quoted[1:len(quoted)-1])
	}
	digits := hex.EncodeToString([]byte(text))
	out = append(out, digits, strings.ToUpper(digits))
	if lines := strings.Split(text, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") {
				out = append(out, line)
			}
		}
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for pad := range 3 {
			out = append(out, aligned(enc, text, pad))
		}
	}
	return out
}

// quotedJSON is a text as JSON encoders write it, with < > & escaped or not.
func quotedJSON(text string) []string {
	var list []string
	for _, escape := range []bool{true, false} {
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(escape)
		if encoder.Encode(text) == nil {
			list = append(list, strings.TrimSpace(b.String()))
		}
	}
	return list
}

// aligned is the base64 text that text always gives when pad bytes (mod 3)
// stand before it, without the characters that its neighbours share.
func aligned(enc *base64.Encoding, text string, pad int) string {
	coded := enc.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, pad), text...))
	start := []int{0, 2, 3}[pad]
	end := len(coded)
	if (len(text)+pad)%3 != 0 {
		end--
	}
	if start >= end {
		return ""
	}
	return coded[start:end]
}
