package world

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// boot is what runs of an Empty world.
type boot struct {
	director []*http.Server // one for each address
	web      *http.Server
	// What is in World still for those who look, and gone for what is started next.
	directorGone, webGone bool
}

// Director is how a director is started, as its manifest says it.
type Director struct {
	Addresses          []string // "127.80.100.1:25555"
	Username, Password string
	Certificate        tls.Certificate
}

// BootDirector starts the director of an Empty world, or starts it again: what it
// knows is on its disk, and stays.
func (w *World) BootDirector(ctx context.Context, d Director) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.boot == nil {
		w.boot = &boot{}
	}
	w.stopDirector()
	if w.Director == nil || w.boot.directorGone {
		w.boot.directorGone = false
		w.Director = director.New(ctx, director.Options{
			Username: d.Username, Password: d.Password, Scale: w.options.Scale, Fetch: w.client(),
			Drain: w.drain, UpdateInstance: w.update, PostStart: w.postStart,
			Logs: w.logs,
		})
	}
	if w.Faults["director"] == nil {
		w.Faults["director"] = &fault.Script{}
	}
	for _, address := range d.Addresses {
		server, err := listen(address, w.Faults["director"].Wrap(w.Director), d.Certificate)
		if err != nil {
			return fmt.Errorf("boot the director: %w", err)
		}
		w.boot.director = append(w.boot.director, server)
		w.servers = append(w.servers, server)
	}
	return nil
}

// StopDirector is what happens to it when its VM is deleted.
func (w *World) StopDirector() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopDirector()
}

func (w *World) stopDirector() {
	if w.boot == nil {
		return
	}
	for _, server := range w.boot.director {
		_ = server.Close()
	}
	w.boot.director = nil
}

// ForgetDirector is what happens to it when its disk is deleted: the next one knows
// nothing.
func (w *World) ForgetDirector() {
	w.mu.Lock()
	w.stopDirector()
	gone := w.Director
	if w.boot != nil {
		w.boot.directorGone = true
	}
	w.mu.Unlock()
	if gone != nil {
		gone.Close()
	}
}

// ForgetWeb is what happens to Concourse when its database and its address are deleted.
func (w *World) ForgetWeb() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.boot == nil || w.boot.web == nil {
		return
	}
	_ = w.boot.web.Close()
	w.boot.web, w.boot.webGone = nil, true
	w.nodes.Lock()
	defer w.nodes.Unlock()
	w.nodes.installed, w.nodes.web, w.nodes.answers, w.nodes.workers, w.nodes.logs = false, false, nil, nil, nil
}

// listen serves a handler at an address.
func listen(address string, handler http.Handler, certificate tls.Certificate) (*http.Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(discard{}, "", 0)}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	go func() { _ = server.Serve(tls.NewListener(listener, config)) }()
	return server, nil
}

// webJob are the properties of the web that it cannot start without.
type webJob struct {
	ExternalURL   string   `yaml:"external_url"`
	AddLocalUsers []string `yaml:"add_local_users"` // "admin:password"
	TLS           struct {
		BindPort int `yaml:"bind_port"`
		Cert     struct {
			Certificate string `yaml:"certificate"`
			PrivateKey  string `yaml:"private_key"`
		} `yaml:"cert"`
	} `yaml:"tls"`
}

// bootWeb starts the Concourse of an Empty world, as the manifest that is deployed
// first says it.
func (w *World) bootWeb(manifest []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.boot == nil || w.Concourse != nil && !w.boot.webGone {
		return nil
	}
	job, address, err := findWeb(manifest)
	if err != nil {
		return fmt.Errorf("start the web: %w", err)
	}
	certificate, err := tls.X509KeyPair([]byte(job.TLS.Cert.Certificate), []byte(job.TLS.Cert.PrivateKey))
	if err != nil {
		return fmt.Errorf("start the web: its certificate: %w", err)
	}
	users := map[string]string{}
	for _, user := range job.AddLocalUsers {
		name, password, _ := strings.Cut(user, ":")
		users[name] = password
	}
	owners := slices.Collect(maps.Keys(users))
	users[OtherUser] = otherPass
	c := concourse.New(concourse.Options{
		Collect: w.scaled(collectWait), Reconnect: w.scaled(reconnectWait), Users: users, ExternalURL: job.ExternalURL, Teams: teams(owners...), Observe: w.observeConcourse,
	})
	if w.Faults["concourse"] == nil {
		w.Faults["concourse"] = &fault.Script{}
	}
	web := w.options.Web
	if web == nil {
		web = c
	}
	server, err := listen(net.JoinHostPort(address, strconv.Itoa(job.TLS.BindPort)), w.Faults["concourse"].Wrap(web), certificate)
	if err != nil {
		return fmt.Errorf("start the web: %w", err)
	}
	w.boot.webGone = false
	w.boot.web, w.Concourse, w.servers = server, c, append(w.servers, server)
	return nil
}

// findWeb finds the web's properties and the address that it keeps.
func findWeb(manifest []byte) (job webJob, address string, err error) {
	var m struct {
		InstanceGroups []struct {
			Name     string
			Networks []struct {
				Name      string
				StaticIPs []string `yaml:"static_ips"`
			}
			Jobs []struct {
				Name       string
				Properties yaml.Node
			}
		} `yaml:"instance_groups"`
	}
	if err := yaml.Unmarshal(manifest, &m); err != nil {
		return job, "", fmt.Errorf("parse the manifest: %w", err)
	}
	for _, group := range m.InstanceGroups {
		for _, j := range group.Jobs {
			if j.Name != "web" {
				continue
			}
			if err := j.Properties.Decode(&job); err != nil {
				return job, "", fmt.Errorf("decode the properties: %w", err)
			}
			for _, network := range slices.Backward(group.Networks) { // the elastic one is the last
				if len(network.StaticIPs) > 0 {
					return job, network.StaticIPs[0], nil
				}
			}
		}
	}
	return job, "", errors.New("the manifest has no web with an address that stays")
}
