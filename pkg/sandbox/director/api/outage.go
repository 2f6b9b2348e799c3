package api

import (
	"io"
	"net/http"
	"strconv"
)

// Outage is how a director is down.
type Outage int

const (
	// BadGateway is nginx answering 502 while the director behind it is down.
	BadGateway Outage = iota
	// Refuse is nothing listening: connections are closed without an answer.
	Refuse
)

// outage is a director being down.
type outage struct{ kind Outage }

// Down makes the director unreachable until up is called. Its workers go on.
func (a *Access) Down(kind Outage) (up func()) {
	o := &outage{kind}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outage = o
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.outage == o {
			a.outage = nil
		}
	}
}

// badGateway is nginx's page.
const badGateway = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n" +
	"<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"

// refused answers for a director that is down and says whether it is.
func (a *Access) refused(w http.ResponseWriter) bool {
	a.mu.Lock()
	o := a.outage
	a.mu.Unlock()
	if o == nil {
		return false
	}
	if hijacker, ok := w.(http.Hijacker); ok && o.kind == Refuse {
		if conn, _, err := hijacker.Hijack(); err == nil {
			_ = conn.Close()
			return true
		}
	}
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", strconv.Itoa(len(badGateway)))
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, badGateway)
	return true
}
