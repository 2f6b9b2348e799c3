package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// playContainer plays scenario 8: the image is run as an engine runs it, without
// any Concourse.
func playContainer(ctx context.Context, s *stage) error {
	s.world.publish(s.oldSet())
	for _, version := range []string{oldPerpetual, newPerpetual} {
		help, err := s.runImage(ctx, version, "", "help")
		s.expect(err == nil && strings.Contains(help, "Usage:"), version+" prints help", "%s (%v)", tail(help, 200), err)
		printed, err := s.runImage(ctx, version, "", "version")
		s.expect(err == nil && strings.Contains(printed, version), version+" prints its version", "%s (%v)", printed, err)
		request, err := json.Marshal(map[string]any{"source": s.componentsSource()})
		if err != nil {
			return err
		}
		checked, err := s.runImage(ctx, version, string(request), "check")
		var versions []map[string]string
		decoded := json.Unmarshal([]byte(checked), &versions)
		s.expect(err == nil && decoded == nil && len(versions) == 1 && versions[0]["concourse"] == s.oldSet().Concourse,
			version+" checks components, JSON on stdin and stdout", "%s (%v)", checked, errors.Join(err, decoded))
		refused, err := s.runImage(ctx, version, `{"source": {"watsch": {}}}`, "check")
		var exit *exec.ExitError
		s.expect(refused == "" && errors.As(err, &exit) && exit.ExitCode() == 1 && strings.Contains(err.Error(), "watsch"),
			version+" refuses a source that it does not know, with nothing on stdout", "%q (%v)", refused, err)
	}
	return nil
}

// runImage runs the image's entrypoint with arguments, and gives its stdout.
// The container sees the machine's network, as with docker's --network host.
func (s *stage) runImage(ctx context.Context, version, stdin string, args ...string) (string, error) {
	bundle := s.path("bundle")
	if err := s.writeBundle(bundle, s.images.rootfs[version], args); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "runc", "--root", s.path("runc"), "run", "--bundle", bundle, fmt.Sprintf("perpetual-e2e-%d", s.options.number))
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("run %s in the image: %w: %s", strings.Join(args, " "), err, tail(stderr.String(), 500))
	}
	return stdout.String(), nil
}

// writeBundle writes what runc needs: the configuration that was made of the
// image's own, with other arguments.
func (s *stage) writeBundle(bundle, rootfs string, args []string) error {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(rootfs), "config.json"))
	if err != nil {
		return err
	}
	var spec struct {
		Version  string         `json:"ociVersion"`
		Process  map[string]any `json:"process"`
		Root     map[string]any `json:"root"`
		Hostname string         `json:"hostname"`
		Mounts   []any          `json:"mounts"`
		Linux    map[string]any `json:"linux"`
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	entrypoint, _ := spec.Process["args"].([]any)
	for _, arg := range args {
		entrypoint = append(entrypoint, arg)
	}
	spec.Process["args"], spec.Process["terminal"] = entrypoint, false
	spec.Root = map[string]any{"path": rootfs, "readonly": true}
	var kept []any
	namespaces, _ := spec.Linux["namespaces"].([]any)
	for _, each := range namespaces {
		if n, ok := each.(map[string]any); ok && n["type"] != "network" {
			kept = append(kept, n)
		}
	}
	spec.Linux["namespaces"] = kept
	if text, err = json.Marshal(spec); err != nil {
		return err
	}
	if err := os.MkdirAll(bundle, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o644)
}
