package fault

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// page is what a captive portal or login page looks like.
const page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body><h1>Sign in to the network</h1></body></html>\n"

// strike answers, or does not, as the fault wants.
func (f *Fault) strike(w *answer, r *http.Request, next http.Handler, closed <-chan struct{}) {
	if f.Before != nil {
		f.Before()
	}
	if f.Acted {
		next.ServeHTTP(&unheard{header: http.Header{}}, r)
	}
	switch f.Kind {
	case Refuse, ResetBefore:
		abort(w, f.Kind == ResetBefore)
	case DropReply, ResetAfter:
		f.unheard(r, next)
		abort(w, f.Kind == ResetAfter)
	case Delay:
		pause(r, f.Pause, closed)
		next.ServeHTTP(w, r)
		w.begin(http.StatusOK)
	case SlowBody:
		next.ServeHTTP(&slow{answer: w, fault: f, request: r, closed: closed}, r)
	case CutBody:
		if f.Part > 0 {
			f.sixteenths(w, r, next)
			return
		}
		next.ServeHTTP(&cut{answer: w, left: f.Bytes}, r)
		abort(w, false)
	case Hang:
		pause(r, 1<<62, closed)
		abort(w, false)
	case Redirect:
		http.Redirect(w, r, f.To, or(f.Code, http.StatusFound))
	case None:
		next.ServeHTTP(w, r)
	case Alter:
		f.alter(w, r, next)
	default:
		f.page(w)
	}
}

// unheard serves a request whose answer nobody gets. A handler may end by a panic, as
// that of a request which breaks off: then it is over, too.
func (f *Fault) unheard(r *http.Request, next http.Handler) {
	if f.After != nil {
		defer f.After()
	}
	next.ServeHTTP(&unheard{header: http.Header{}}, r)
}

// sixteenths sends a part of the body, and the length of the whole.
func (f *Fault) sixteenths(w *answer, r *http.Request, next http.Handler) {
	whole := &kept{header: http.Header{}, status: http.StatusOK}
	next.ServeHTTP(whole, r)
	for key, values := range whole.header {
		w.Header()[key] = values
	}
	body := whole.body.Bytes()
	if r.Method != http.MethodHead && whole.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(whole.status)
	_, _ = w.Write(body[:len(body)*min(f.Part, 16)/16])
	w.Flush()
	abort(w, false)
}

// alter sends the handler's answer with the body that Change makes of its own.
func (f *Fault) alter(w *answer, r *http.Request, next http.Handler) {
	whole := &kept{header: http.Header{}, status: http.StatusOK}
	next.ServeHTTP(whole, r)
	body := f.Change(whole.header, whole.body.Bytes())
	for key, values := range whole.header {
		w.Header()[key] = values
	}
	if r.Method != http.MethodHead && whole.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(whole.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// page answers in the handler's place.
func (f *Fault) page(w http.ResponseWriter) {
	code, body := or(f.Code, http.StatusOK), []byte(f.Body)
	switch f.Kind {
	case HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		body = []byte(page)
	case Garbage:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		body = bytes.Repeat([]byte{'[', 0x00, 0xff, '}', 0x1b, '\n'}, 50)
	}
	for key, values := range f.Header {
		w.Header()[key] = values
	}
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// or is n, or the default if n is 0.
func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// pause waits until the time has passed, the client has gone, or the script is closed.
func pause(r *http.Request, d time.Duration, closed <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-closed:
	}
}

// abort ends the connection now. HTTP/2 shares one among requests and cannot
// give it away: there net/http's own way of aborting a handler resets the stream.
func abort(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	raw := conn
	if secured, ok := conn.(*tls.Conn); ok {
		raw = secured.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}

// answer notes the status of what goes out.
type answer struct {
	http.ResponseWriter
	note  func(int)
	begun bool
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// begin notes the status once.
func (a *answer) begin(code int) {
	if !a.begun && code >= 200 {
		a.begun = true
		a.note(code)
	}
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(code int) {
	a.begin(code)
	a.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.begin(http.StatusOK)
	return a.ResponseWriter.Write(p)
}

// ReadFrom lets large files leave as the server would send them.
func (a *answer) ReadFrom(from io.Reader) (int64, error) {
	a.begin(http.StatusOK)
	return io.Copy(a.ResponseWriter, from)
}

// Flush implements http.Flusher.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// unheard takes an answer that nobody gets.
type unheard struct{ header http.Header }

// Header implements http.ResponseWriter.
func (u *unheard) Header() http.Header { return u.header }

// WriteHeader implements http.ResponseWriter.
func (u *unheard) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (u *unheard) Write(p []byte) (int, error) { return len(p), nil }

// Flush implements http.Flusher.
func (u *unheard) Flush() {}

// kept takes an answer to be sent later.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (k *kept) Header() http.Header { return k.header }

// WriteHeader implements http.ResponseWriter.
func (k *kept) WriteHeader(status int) { k.status = status }

// Write implements http.ResponseWriter.
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// errEnd tells a handler that no more of its answer goes out.
var errEnd = errors.New("the answer was cut by a fault")

// cut lets only the first bytes of a body out.
type cut struct {
	*answer
	left int64
}

// Write implements http.ResponseWriter.
func (c *cut) Write(p []byte) (int, error) {
	n := min(int64(len(p)), c.left)
	c.left -= n
	m, err := c.answer.Write(p[:n])
	if err == nil && n < int64(len(p)) {
		c.Flush()
		err = errEnd
	}
	return m, err
}

// ReadFrom keeps io.Copy from going round Write.
func (c *cut) ReadFrom(from io.Reader) (int64, error) { return io.Copy(writer{c}, from) }

// slow lets a body out in pieces.
type slow struct {
	*answer
	fault   *Fault
	request *http.Request
	closed  <-chan struct{}
}

// Write implements http.ResponseWriter.
func (s *slow) Write(p []byte) (written int, err error) {
	size := or(int(s.fault.Bytes), 1024)
	for len(p) > 0 && err == nil {
		var n int
		n, err = s.answer.Write(p[:min(size, len(p))])
		s.Flush()
		written, p = written+n, p[n:]
		pause(s.request, s.fault.Pause, s.closed)
	}
	return written, err
}

// ReadFrom keeps io.Copy from going round Write.
func (s *slow) ReadFrom(from io.Reader) (int64, error) { return io.Copy(writer{s}, from) }

// writer hides every method but Write.
type writer struct{ io.Writer }
