package boshrelease

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// vm is a folder that stands for the disk of a VM with the job web.
type vm struct {
	t      *testing.T
	root   string
	script string
	env    []string
}

// newVM lays out a VM with a web of a version, and what its job got as settings.
func newVM(t *testing.T, version string, settings ...string) *vm {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "timeout"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s on this machine, which every stemcell has", tool)
		}
	}
	v := &vm{t: t, root: t.TempDir()}
	_, entries := unpack(t, jobs()[0].archive())
	v.script = v.write("var/vcap/jobs/gate/bin/post-start", string(entries["templates/post-start"].content))
	program := v.write("var/vcap/packages/concourse/bin/concourse.version", version+"\n")
	fake, err := filepath.Abs(filepath.Join("testdata", "concourse"))
	if err != nil {
		t.Fatal(err)
	}
	// A program that this process has written itself may be busy when it is run.
	if err := os.Symlink(fake, strings.TrimSuffix(program, ".version")); err != nil {
		t.Fatal(err)
	}
	v.configure(settings...)
	return v
}

// configure writes the bpm.yml of the job web in the form that its template gives it.
func (v *vm) configure(settings ...string) {
	v.t.Helper()
	var env strings.Builder
	for i := 0; i+1 < len(settings); i += 2 {
		_, _ = fmt.Fprintf(&env, "\n    %s: %q\n", settings[i], settings[i+1])
	}
	v.write("var/vcap/jobs/web/config/bpm.yml", `---
processes:
- name: web
  executable: /var/vcap/packages/concourse/bin/concourse
  args: [web]
  env:
    CONCOURSE_PEER_ADDRESS: 10.0.1.4

    CONCOURSE_CLIENT_SECRET: "canary"

    CONCOURSE_DEBUG_BIND_IP: "192.0.2.1"

    CONCOURSE_DEBUG_BIND_PORT: "1"
`+env.String())
}

func (v *vm) write(name, content string) string {
	v.t.Helper()
	path := filepath.Join(v.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		v.t.Fatal(err)
	}
	return path
}

// ended is what a run of the script printed and its exit code.
type ended struct {
	output string
	code   int
}

// run runs the script to its end and calls hear for each line that it prints.
func (v *vm) run(hear func(line string)) ended {
	v.t.Helper()
	command := exec.CommandContext(v.t.Context(), "bash", v.script)
	command.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "PERPETUAL_ROOT=" + v.root, "PERPETUAL_GATE_POLL=0.01", "PERPETUAL_GATE_SETTLE=0",
		"http_proxy=http://192.0.2.1:1", "https_proxy=http://192.0.2.1:1", // asking through one would hang
	}, v.env...)
	read, write := io.Pipe()
	command.Stdout, command.Stderr = write, write
	done := make(chan error, 1)
	go func() {
		done <- command.Run()
		_ = write.Close()
	}()
	var e ended
	for lines := bufio.NewScanner(read); lines.Scan(); {
		e.output += lines.Text() + "\n"
		if hear != nil {
			hear(lines.Text())
		}
	}
	<-done
	e.code = command.ProcessState.ExitCode()
	if strings.Contains(e.output, "canary") {
		v.t.Errorf("a secret was printed: %s", e.output)
	}
	return e
}

// want checks how a run ended and what it printed.
func (e ended) want(t *testing.T, code int, parts ...string) {
	t.Helper()
	if e.code != code {
		t.Errorf("exit code %d, want %d", e.code, code)
	}
	for _, part := range parts {
		if !strings.Contains(e.output, part) {
			t.Errorf("%q is not in its output", part)
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s", e.output)
	}
}

// web is a fake web: its API and its gateway.
type web struct {
	version     atomic.Value // string; "" closes connections without an answer
	greeting    atomic.Value // string; "" closes connections without a word
	once        atomic.Bool  // greets no more after the first time
	api         *httptest.Server
	gateway     net.Listener
	gatewayPort string
}

// newWeb starts a fake web at an address of this machine.
func newWeb(t *testing.T, address, version, greeting string) *web {
	t.Helper()
	w := &web{}
	w.version.Store(version)
	w.greeting.Store(greeting)
	w.api = httptest.NewUnstartedServer(w)
	w.api.Listener = listen(t, address)
	w.gateway = listen(t, address)
	_, w.gatewayPort, _ = net.SplitHostPort(w.gateway.Addr().String())
	go w.greet()
	t.Cleanup(func() {
		_ = w.gateway.Close()
		w.api.Close()
	})
	return w
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Skipf("listen at %s: %v", address, err)
	}
	return l
}

// apiPort is where the API listens.
func (w *web) apiPort() string {
	_, port, _ := net.SplitHostPort(w.api.Listener.Addr().String())
	return port
}

// ServeHTTP answers as /api/v1/info of a real web does.
func (w *web) ServeHTTP(res http.ResponseWriter, req *http.Request) {
	version, _ := w.version.Load().(string)
	switch {
	case version == "":
		if conn, _, err := res.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
	case req.URL.Path != "/api/v1/info":
		res.WriteHeader(http.StatusNotFound)
	default:
		res.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(res, `{"version":%q,"worker_version":"2.5","feature_flags":{"across_step":true},"external_url":"https://ci.example.com"}`+"\n", version)
	}
}

// greet is the gateway: it greets whoever connects, as SSH servers do.
func (w *web) greet() {
	for {
		conn, err := w.gateway.Accept()
		if err != nil {
			return
		}
		if text, _ := w.greeting.Load().(string); text != "" {
			_, _ = io.WriteString(conn, text+"\r\n")
			if w.once.Load() {
				w.greeting.Store("")
			}
		}
		_ = conn.Close()
	}
}

const ssh = "SSH-2.0-Go"

// plain are the settings of a web without TLS.
func (w *web) plain() []string {
	return []string{"CONCOURSE_BIND_IP", "0.0.0.0", "CONCOURSE_BIND_PORT", w.apiPort(), "CONCOURSE_TSA_BIND_PORT", w.gatewayPort}
}

func TestGate_opensWhenWebAnswersAndTakesWorkers(t *testing.T) {
	t.Parallel()
	w := newWeb(t, "127.0.0.1", "8.2.5", ssh)
	w.api.Start()
	newVM(t, "8.2.5", w.plain()...).run(nil).want(t, 0, "waiting up to 7200 s for web 8.2.5", "web 8.2.5 answers and its gateway takes workers")
}

func TestGate_waitsForEachThingThatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWeb(t, "127.0.0.1", "", "")
	w.api.Start()
	var steps []string
	newVM(t, "8.3.0", w.plain()...).run(func(line string) {
		switch {
		case strings.Contains(line, "the API does not answer at http://127.0.0.1:"+w.apiPort()+"/api/v1/info"):
			steps = append(steps, "api")
			w.version.Store("8.2.5")
		case strings.Contains(line, "the API answers with version 8.2.5, and 8.3.0 is installed"):
			steps = append(steps, "version")
			w.version.Store("8.3.0")
		case strings.Contains(line, "web 8.3.0 answers, but no gateway for workers greets at 127.0.0.1:"+w.gatewayPort):
			steps = append(steps, "gateway")
			w.greeting.Store(ssh)
		}
	}).want(t, 0, "web 8.3.0 answers and its gateway takes workers")
	if strings.Join(steps, " ") != "api version gateway" {
		t.Errorf("it waited for %q", steps)
	}
}

// A web that has just started has neither its workers nor its builds yet.
func TestGate_looksAgainAtAWebThatIsUp(t *testing.T) {
	t.Parallel()
	w := newWeb(t, "127.0.0.1", "8.3.0", ssh)
	w.api.Start()
	w.once.Store(true)
	var steps []string
	newVM(t, "8.3.0", w.plain()...).run(func(line string) {
		switch {
		case strings.Contains(line, "more for it to find its workers and their builds"):
			steps = append(steps, "up")
		case strings.Contains(line, "no gateway for workers greets"):
			steps = append(steps, "down")
			w.once.Store(false)
			w.greeting.Store(ssh)
		}
	}).want(t, 0, "web 8.3.0 is up, after ")
	if strings.Join(steps, " ") != "up down up" {
		t.Errorf("it saw %q: one that goes down again is not up", steps)
	}
}

func TestGate_givesUpAtItsLimitAndSaysWhy(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		version, greeting string
		says              string
	}{
		"no API":                    {"", ssh, "the API does not answer at http://127.0.0.1:"},
		"another version":           {"8.2.5", ssh, "the API answers with version 8.2.5, and 8.3.0 is installed"},
		"no gateway":                {"8.3.0", "", "web 8.3.0 answers, but no gateway for workers greets at 127.0.0.1:"},
		"something else at 2222":    {"8.3.0", "HTTP/1.1 400 Bad Request", "no gateway for workers greets"},
		"the prefix of the version": {"8.3.0-rc.1", ssh, "the API answers with version 8.3.0-rc.1, and 8.3.0 is installed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, "127.0.0.1", c.version, c.greeting)
			w.api.Start()
			v := newVM(t, "8.3.0", w.plain()...)
			v.env = []string{"PERPETUAL_GATE_LIMIT=0"}
			v.run(nil).want(t, 1, "gate: failed: gave up after ", c.says, "look at the logs of the job web", "leaves the instance groups after this one as they are")
		})
	}
}

// A server that takes the question and never answers must not hold the script.
func TestGate_givesUpOnAnAnswerThatNeverComes(t *testing.T) {
	t.Parallel()
	mute := listen(t, "127.0.0.1") // the kernel accepts, nobody reads
	defer func() { _ = mute.Close() }()
	_, port, _ := net.SplitHostPort(mute.Addr().String())
	v := newVM(t, "8.3.0", "CONCOURSE_BIND_PORT", port)
	v.env = []string{"PERPETUAL_GATE_LIMIT=0", "PERPETUAL_GATE_PATIENCE=1"}
	v.run(nil).want(t, 1, "the API does not answer", "timed out")

	w := newWeb(t, "127.0.0.1", "8.3.0", ssh)
	w.api.Start()
	v.configure("CONCOURSE_BIND_PORT", w.apiPort(), "CONCOURSE_TSA_BIND_PORT", port)
	v.run(nil).want(t, 1, "no gateway for workers greets at 127.0.0.1:"+port)
}

func TestGate_asksOverTLSWhereThePlainPortDoesNotAnswer(t *testing.T) {
	t.Parallel()
	closed := listen(t, "127.0.0.1")
	defer func() { _ = closed.Close() }()
	go func() {
		for {
			conn, err := closed.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(closed.Addr().String())
	w := newWeb(t, "127.0.0.1", "8.2.5", ssh)
	w.api.StartTLS() // its certificate is not for this machine
	v := newVM(t, "8.2.5", "CONCOURSE_BIND_PORT", port, "CONCOURSE_TLS_BIND_PORT", w.apiPort(), "CONCOURSE_TSA_BIND_PORT", w.gatewayPort)
	v.run(nil).want(t, 0, "web 8.2.5 answers and its gateway takes workers")
	w.version.Store("")
	v.env = []string{"PERPETUAL_GATE_LIMIT=0"}
	v.run(nil).want(t, 1, "the API does not answer at http://127.0.0.1:"+port, "; the API does not answer at https://127.0.0.1:"+w.apiPort())
}

func TestGate_asksWhereWebListens(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.2", "::1"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, address, "8.2.5", ssh)
			w.api.Start()
			v := newVM(t, "8.2.5", "CONCOURSE_BIND_IP", address, "CONCOURSE_BIND_PORT", w.apiPort(),
				"CONCOURSE_TSA_BIND_IP", address, "CONCOURSE_TSA_BIND_PORT", w.gatewayPort)
			v.run(nil).want(t, 0, "web 8.2.5 answers and its gateway takes workers")
		})
	}
}

// What waiting cannot change ends at once.
func TestGate_failsAtOnceWithoutAWebBesideIt(t *testing.T) {
	t.Parallel()
	v := newVM(t, "8.2.5")
	if err := os.Remove(filepath.Join(v.root, "var/vcap/jobs/web/config/bpm.yml")); err != nil {
		t.Fatal(err)
	}
	v.run(nil).want(t, 1, "gate: failed: there is no ", "belongs on instance groups with the job web")
	v = newVM(t, "")
	v.run(nil).want(t, 1, "gate: failed: ", "concourse does not tell its version")
}

func TestGate_asksThePortsThatTheReleaseDefaultsTo(t *testing.T) {
	t.Parallel()
	v := newVM(t, "0.0.0-test") // whatever listens there has another
	v.env = []string{"PERPETUAL_GATE_LIMIT=0", "PERPETUAL_GATE_PATIENCE=1"}
	v.run(nil).want(t, 1, "web 0.0.0-test at 127.0.0.1:8080 and for its gateway at 127.0.0.1:2222")
}
