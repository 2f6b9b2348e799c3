package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// logsIn evaluates what info --env prints, in a shell that finds fly, and wants fly to
// be logged in to the web by its public address, whose certificate no machine knows.
func (s *stage) logsIn(ctx context.Context) error {
	home := s.path("operator")
	if err := os.MkdirAll(filepath.Join(home, "state"), 0o700); err != nil {
		return err
	}
	if err := s.writeInstallation(filepath.Join(home, "state")); err != nil {
		return err
	}
	perpetual := filepath.Join(home, "perpetual")
	if err := s.tools.goBuild(ctx, "../..", perpetual, "./cmd/perpetual", ""); err != nil {
		return err
	}
	env := []string{"HOME=" + home, "XDG_CACHE_HOME=", "PATH=" + filepath.Dir(s.tools.fly()) + ":" + os.Getenv("PATH")}
	const script = `set -e; eval "$(./perpetual info login --state-dir state --env --secrets)"; fly -t login userinfo; fly -t login workers`
	out, err := run(ctx, home, env, "/bin/sh", "-c", script)
	s.expect(err == nil && strings.Contains(out, flyUser), "info --env logs fly in to a web with a certificate of its own", "%v: %s", err, tail(out, 600))
	return nil
}

// writeInstallation writes the state of an installation whose Concourse is the site's.
func (s *stage) writeInstallation(dir string) error {
	public, err := url.Parse(s.web.public())
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(public.Port())
	if err != nil {
		return err
	}
	type object = map[string]any
	for name, content := range map[string]object{
		"config.json": {
			"schema": 1, "name": "login", "access": object{"domain": public.Hostname(), "port": port},
			"auth":     object{"local_users": object{flyUser: flyPassword}},
			"director": object{"url": s.world.urls["director"], "ca_cert": s.world.ca, "client": "unused", "client_secret": "unused-secret"},
		},
		"credentials.json": {"schema": 1, "values": object{"web_ca": object{"certificate": s.world.ca}}},
	} {
		text, err := json.Marshal(content)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
