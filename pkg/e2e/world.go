package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	simulated "github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// directorScale is how much faster than a small real director the simulated one
// is. A deploy then reaches the web some seconds after it was accepted.
const directorScale = 0.5

// otherVM is a VM type beside the default.
const otherVM = "other"

// cloudConfig is the simulators' with that type.
var cloudConfig = strings.Replace(simulated.CloudConfig, "vm_types: [", "vm_types: [{name: "+otherVM+", cloud_properties: {}}, ", 1)

// world is what a site's Concourse stands on and looks at: a director whose
// instances are the site's real processes, its UAA, upstreams, a registry.
type world struct {
	github   *github.Server
	boshio   *boshio.Server
	director *director.Director
	replies  *front // before the director
	latch    *latch // what other teams' builds wait for
	urls     map[string]string
	ca       string

	address string
	tlsca   *tlsca.CA
	servers []*http.Server
}

// startWorld starts the simulators at the site's address, and pushes the images.
func startWorld(ctx context.Context, s *site) (*world, error) {
	ca, err := tlsca.New()
	if err != nil {
		return nil, err
	}
	w := &world{
		github: github.New(github.Options{Tokens: []string{s.secrets.github}}), boshio: boshio.New(boshio.Options{}),
		replies: &front{look: s.pipelineNow}, latch: &latch{}, urls: map[string]string{}, ca: ca.PEM(), address: s.address(), tlsca: ca,
	}
	if err := w.start(ctx, s); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) start(ctx context.Context, s *site) error {
	uaa := &director.UAA{Clients: map[string]string{s.secrets.directorClient: s.secrets.director}}
	quiet := log.New(io.Discard, "", 0)
	for _, server := range []struct {
		name    string
		handler http.Handler
		secure  bool
	}{
		{"github", w.github, true},
		{"boshio", w.boshio, true},
		{"uaa", uaa, true},
		{"registry", registry.New(registry.Logger(quiet)), false},
		{"latch", w.latch, false},
		{"atc", balancer(w.address), true},
	} {
		if err := w.serve(server.name, server.handler, server.secure); err != nil {
			return err
		}
	}
	uaa.SetURL(w.urls["uaa"])
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(w.ca))
	options := director.Options{
		UAA: uaa, Scale: directorScale, Drain: s.drain, UpdateInstance: s.update, PostStart: s.postStart, Logs: s.logs,
		Fetch: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}},
	}
	if s.options.basicAuth {
		options.UAA, options.Username, options.Password = nil, s.secrets.directorClient, s.secrets.director
	}
	w.director = director.New(ctx, options)
	if err := w.serve("director", w.replies.wrap(ctx, w.director), true); err != nil {
		return err
	}
	if err := w.director.Seed(director.Seed{CloudConfig: cloudConfig}); err != nil {
		return err
	}
	for version, image := range s.images.perpetual {
		if err := push(ctx, w.registry(), "perpetual", version, image); err != nil {
			return err
		}
	}
	return push(ctx, w.registry(), "waiter", "latest", s.images.waiter)
}

// balancer is before the web. While that is down it answers as a load balancer
// does.
func balancer(address string) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address + ":8080"})
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	return proxy
}

// registry is where images are: "10.99.1.1:40123".
func (w *world) registry() string { return strings.TrimPrefix(w.urls["registry"], "http://") }

// serve puts a handler on a port of its own.
func (w *world) serve(name string, handler http.Handler, secure bool) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(w.address, "0"))
	if err != nil {
		return fmt.Errorf("listen for %s: %w", name, err)
	}
	scheme := "http"
	if secure {
		config, err := w.tlsca.Config(tlsca.Options{Hosts: []string{w.address}})
		if err != nil {
			return err
		}
		listener, scheme = tls.NewListener(listener, config), "https"
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	w.urls[name] = scheme + "://" + listener.Addr().String()
	w.servers = append(w.servers, server)
	go func() { _ = server.Serve(listener) }()
	return nil
}

func (w *world) close() {
	if w.director != nil {
		w.director.Close()
	}
	for _, server := range w.servers {
		_ = server.Close() // nothing is lost with it
	}
}

// publish makes the versions of a set appear upstream.
func (w *world) publish(s simulated.Set) {
	(&simulated.World{BoshIO: w.boshio, GitHub: w.github}).Publish(s)
}

// deploys are the deploy tasks that the director has accepted.
func (w *world) deploys() []director.Effect {
	var list []director.Effect
	for _, e := range w.director.Effects() {
		if e.Kind == director.EffectDeploy {
			list = append(list, e)
		}
	}
	return list
}
