package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The users of the Concourse. The pipeline's own is not the one with which the
// scenarios look on, so that its password is in nobody's arguments.
const (
	flyUser, flyPassword = "operator", "operator-password"
	viewerUser           = "viewer"
	viewerPassword       = "viewer-password"
	pipelineUser         = "perpetual"
	otherTeam            = "other"
)

// roles say who may do what in the team main: the pipeline's user is a member, which is
// enough to set pipelines; for a quiet upgrade, which pauses what other teams have, it is
// an owner. Where it has a team of its own, it is nothing here.
func roles(o siteOptions) string {
	owners, members := flyUser, pipelineUser
	switch {
	case o.owner:
		owners, members = flyUser+", "+pipelineUser, ""
	case o.ownTeam:
		members = ""
	}
	return `roles:
- {name: owner, local: {users: [` + owners + `]}}
- {name: member, local: {users: [` + members + `]}}
- {name: viewer, local: {users: [` + viewerUser + `]}}
`
}

// web is the web node: ATC and TSA in one process.
type web struct {
	site    *site
	address string // "10.99.1.1"; it is the site's own, and so are all of its ports
	process *process
	env     []string
	started chan start // to be watched until it answers
}

// start is a process of a version that was started.
type start struct {
	*process
	version string
}

// public is where containers reach the API: over TLS, as behind a load balancer.
func (w *web) public() string { return w.site.world.urls["atc"] }

// url is the web itself.
func (w *web) url() string { return "http://" + w.address + ":8080" }

// newWeb makes keys and settings. Nothing runs yet.
func newWeb(ctx context.Context, s *site) (*web, error) {
	w := &web{site: s, address: s.address(), started: make(chan start)}
	for name, kind := range map[string]string{"session_signing_key": "rsa", "tsa_host_key": "ssh", "worker_key": "ssh"} {
		if _, err := run(ctx, "", nil, s.tools.concourse(s.options.from), "generate-key", "-t", kind, "-f", s.path(name)); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(s.path("main-team.yml"), []byte(roles(s.options)), 0o644); err != nil {
		return nil, err
	}
	w.env = w.settings()
	return w, nil
}

// settings are Concourse's own defaults but for the intervals at which it looks
// at things: those are shortened, because how it behaves is the question here
// and not how long it sleeps in between. They are given by environment, not by
// arguments, which everybody on the machine can read.
func (w *web) settings() []string {
	s := w.site
	values := map[string]string{
		"BIND_IP": w.address, "EXTERNAL_URL": w.public(), "DEBUG_BIND_IP": w.address,
		"SESSION_SIGNING_KEY": s.path("session_signing_key"), "TSA_HOST_KEY": s.path("tsa_host_key"),
		"TSA_AUTHORIZED_KEYS": s.path("worker_key.pub"), "TSA_BIND_IP": w.address, "TSA_DEBUG_BIND_IP": w.address,
		"PEER_ADDRESS":  w.address,
		"POSTGRES_HOST": s.db.address, "POSTGRES_USER": databaseUser, "POSTGRES_DATABASE": databaseName,
		"ADD_LOCAL_USER": strings.Join([]string{
			flyUser + ":" + flyPassword, viewerUser + ":" + viewerPassword, s.secrets.user + ":" + s.secrets.atc}, ","),
		"MAIN_TEAM_CONFIG": s.path("main-team.yml"), "ENABLE_REDACT_SECRETS": "true", "CLUSTER_NAME": "e2e",
		"DUMMY_CREDS_VAR": strings.Join(s.credentials(), ","), "SECRET_RETRY_ATTEMPTS": "1",
		"LIDAR_SCANNER_INTERVAL": "2s", "COMPONENT_RUNNER_INTERVAL": "2s", "BUILD_TRACKER_INTERVAL": "2s",
		"GC_INTERVAL": "5s", "MAX_CHECKS_PER_SECOND": "-1", "LOG_LEVEL": "info",
		// Now and then a container never gets its stdin. The check that waits for it
		// would keep its resource from any other for an hour.
		"GLOBAL_RESOURCE_CHECK_TIMEOUT": "40s",
	}
	var env []string
	if s.account != nil {
		delete(values, "DUMMY_CREDS_VAR") // Concourse has one credential manager
		maps.Copy(values, s.account.settings())
		env = s.account.env()
	}
	maps.Copy(values, s.options.web)
	for name, value := range values {
		env = append(env, "CONCOURSE_"+name+"="+value)
	}
	return env
}

// start starts the web of a version. Like BOSH it does not wait until that answers.
func (w *web) start(ctx context.Context, version string) error {
	program := w.site.tools.concourse(version)
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("start web: version %s was not built: %w", version, err)
	}
	var err error
	w.process, err = w.site.launcher.start(spec{name: "web", path: program, args: []string{"web"}, env: w.env,
		dir: w.site.dir, log: filepath.Join(w.site.dir, "web.log")})
	if err != nil {
		return err
	}
	select {
	case w.started <- start{w.process, version}:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// watch notes when each web that was started answers for the first time.
func (w *web) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-w.started:
			w.site.background.Go(func() { w.await(ctx, s) })
		}
	}
}

// await asks a web until it answers, or has ended. The mark has the time of the
// question, so that nobody has seen it answer before that.
func (w *web) await(ctx context.Context, s start) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.done:
			return
		case asked := <-ticker.C:
			if text, err := httpGet(ctx, w.url()+"/api/v1/info"); err == nil && strings.Contains(text, s.version) {
				w.site.record.noteAt(asked, webAnswers, "web")
				w.site.line.add("Concourse", "the web of %s answers", s.version)
				return
			}
		}
	}
}

// stop ends the web as monit does.
func (w *web) stop(ctx context.Context) {
	if w.process != nil {
		w.process.stop(ctx, 20*time.Second, syscall.SIGTERM)
	}
}

func httpGet(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
	}
	return string(body), err
}
