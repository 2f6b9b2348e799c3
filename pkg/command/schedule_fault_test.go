package command_test

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// trouble is one thing that goes wrong in a schedule: at an exchange, or at a
// request that changes something on a server, counted over all its runs.
type trouble struct {
	at     int
	change int // instead of at, unless 0
	name   string
	// strike gives the fault, and may do other harm.
	strike func(p *play, server string) *fault.Fault
}

// String says it in a test's output.
func (t trouble) String() string {
	if t.change > 0 {
		return fmt.Sprintf("at change %d: %s;", t.change, t.name)
	}
	return fmt.Sprintf("at exchange %d: %s;", t.at, t.name)
}

// changes says whether a request changes something on a server.
func changes(r fault.Request) bool {
	return (r.Method == http.MethodPost || r.Method == http.MethodPut) &&
		!strings.Contains(r.URL, "/token") && !strings.Contains(r.URL, "/diff")
}

// wire makes a trouble of a fault alone.
func wire(name string, f fault.Fault) trouble {
	return trouble{name: name, strike: func(*play, string) *fault.Fault { return &f }}
}

// status makes a trouble of an answer without the handler's doing.
func status(code int, header ...string) trouble {
	f := fault.Fault{Kind: fault.Status, Code: code, Header: http.Header{}, Body: "not now"}
	name := itoa(code)
	for i := 0; i+1 < len(header); i += 2 {
		f.Header.Set(header[i], header[i+1])
		name += " " + header[i] + ": " + header[i+1]
	}
	return wire(name, f)
}

// troubles are all kinds.
func troubles() []trouble {
	list := []trouble{
		wire("refused", fault.Fault{Kind: fault.Refuse}),
		wire("reset before", fault.Fault{Kind: fault.ResetBefore}),
		wire("reply dropped", fault.Fault{Kind: fault.DropReply}),
		wire("reset after", fault.Fault{Kind: fault.ResetAfter}),
		wire("slow header", fault.Fault{Kind: fault.Delay, Pause: 30 * time.Millisecond}),
		wire("slow body", fault.Fault{Kind: fault.SlowBody, Bytes: 512, Pause: 2 * time.Millisecond}),
		wire("garbage", fault.Fault{Kind: fault.Garbage}),
		wire("garbage after it took effect", fault.Fault{Kind: fault.Garbage, Acted: true}),
		wire("web page", fault.Fault{Kind: fault.HTML}),
		wire("web page with 502", fault.Fault{Kind: fault.HTML, Code: 502}),
		wire("504 after it took effect", fault.Fault{Kind: fault.HTML, Code: 504, Acted: true}),
		status(429), status(429, "Retry-After", "0"), status(429, "Retry-After", "1000000000"), status(429, "Retry-After", "-5"),
		status(429, "Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"), status(429, "Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT"),
		status(500), status(502), status(503), status(503, "Retry-After", "0"), status(504),
		{name: "5xx until the run ends", strike: (*play).sicken},
		{name: "hangs until it is killed", strike: hang(syscall.SIGKILL)}, {name: "hangs until SIGTERM", strike: hang(syscall.SIGTERM)},
		{name: "redirect to another host", strike: redirect(func(s *strangers) string { return s.secure.URL })},
		{name: "redirect to http", strike: redirect(func(s *strangers) string { return s.plain.URL })},
		{name: "every token expires", strike: revoke},
		{name: "the director restarts behind its proxy", strike: restart(director.BadGateway)},
		{name: "the director restarts", strike: restart(director.Refuse)},
		{name: "the health monitor holds the lock", strike: holdLock},
		{name: "the director's worker dies", strike: func(p *play, _ string) *fault.Fault { p.dooms((*director.Director).KillWorker); return nil }},
		{name: "the child of the director's worker dies", strike: func(p *play, _ string) *fault.Fault { p.dooms((*director.Director).KillWorkerChild); return nil }},
	}
	for part := 1; part <= 16; part++ {
		list = append(list, wire(fmt.Sprintf("body cut at %d/16", part), fault.Fault{Kind: fault.CutBody, Part: part}))
	}
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		for _, mode := range []string{dropped, delivered, unheard} {
			list = append(list, trouble{name: fmt.Sprintf("%v %s", signal, mode), strike: strikeDown(signal, mode)})
		}
	}
	return list
}

// draw picks one to four troubles. A third of those of a put strike at what it
// changes, which are few of its exchanges.
func draw(r *rand.Rand, verb string, kinds []trouble) []trouble {
	list := make([]trouble, 1+r.IntN(4))
	for i := range list {
		list[i] = kinds[r.IntN(len(kinds))]
		if verb == "out" && r.IntN(3) == 0 {
			list[i].change = 1 + r.IntN(5)
			continue
		}
		list[i].at = 1 + r.IntN(30)
	}
	return list
}

// strikeDown ends the process at the exchange.
func strikeDown(signal syscall.Signal, mode string) func(*play, string) *fault.Fault {
	return func(p *play, _ string) *fault.Fault {
		kill := func() { p.end(signal) }
		switch mode {
		case dropped:
			return &fault.Fault{Kind: fault.Refuse, Before: kill}
		case delivered:
			return &fault.Fault{Kind: fault.DropReply, Before: kill}
		}
		return &fault.Fault{Kind: fault.DropReply, After: kill}
	}
}

// hang lets the process wait for an answer until it is ended. What the director
// fetches is not its affair.
func hang(signal syscall.Signal) func(*play, string) *fault.Fault {
	return func(p *play, server string) *fault.Fault {
		if server == "boshio" && p.verb == "out" {
			return nil
		}
		return &fault.Fault{Kind: fault.Hang, Before: func() {
			p.background.Go(func() {
				time.Sleep(10 * time.Millisecond)
				p.end(signal)
			})
		}}
	}
}

func revoke(p *play, _ string) *fault.Fault {
	return &fault.Fault{Kind: fault.None, Before: func() {
		p.UAA.Revoke()
		p.Concourse.RevokeTokens()
	}}
}

func restart(kind director.Outage) func(*play, string) *fault.Fault {
	return func(p *play, _ string) *fault.Fault {
		p.Director.Restart(kind, 30*time.Millisecond)
		return nil
	}
}

// holdLock takes the deployment's lock for a moment, if nobody has it, as the
// health monitor does while it repairs.
func holdLock(p *play, _ string) *fault.Fault {
	for _, d := range p.Director.Deployments() {
		if d.Name == "concourse" && !d.Locked {
			release := p.Director.HoldLock(d.Name)
			p.background.Go(func() {
				time.Sleep(30 * time.Millisecond)
				release()
			})
		}
	}
	return nil
}

// redirect sends the client to where its credentials do not belong.
func redirect(to func(*strangers) string) func(*play, string) *fault.Fault {
	return func(*play, string) *fault.Fault {
		return &fault.Fault{Kind: fault.Redirect, Code: http.StatusTemporaryRedirect, To: to(theStrangers()) + "/elsewhere"}
	}
}

// strangers are servers that no credential is meant for.
type strangers struct {
	plain, secure *httptest.Server
	mu            sync.Mutex
	told          []string // requests that carried something secret
}

// theStrangers live as long as the process: connections to them are nobody's.
var theStrangers = sync.OnceValue(func() *strangers {
	s := &strangers{}
	s.plain = httptest.NewServer(s)
	s.secure = httptest.NewUnstartedServer(s)
	s.secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	if ca, err := theAuthority(); err == nil {
		if config, err := ca.Config(tlsGood); err == nil {
			s.secure.TLS = config
		}
	}
	s.secure.StartTLS()
	return s
})

// ServeHTTP implements http.Handler.
func (s *strangers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var all strings.Builder
	_ = r.Header.Write(&all)
	all.Write(body)
	all.WriteString(r.URL.String())
	secret := r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != ""
	for _, c := range credentials() {
		secret = secret || strings.Contains(all.String(), c)
	}
	if secret {
		s.mu.Lock()
		s.told = append(s.told, r.Method+" "+r.URL.String()+" "+r.UserAgent())
		s.mu.Unlock()
	}
	w.WriteHeader(http.StatusTeapot)
}

// toldNothing wants that no stranger has got a credential.
func toldNothing(t *testing.T) {
	t.Helper()
	s := theStrangers()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.told) > 0 {
		t.Errorf("credentials went to another server: %v", s.told)
		s.told = nil
	}
}
