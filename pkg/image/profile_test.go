//go:build image

package image_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// documented are the documents' commands of the installer's image: the folder to which
// ~/.aws is mounted, and whether the caller's own user runs it.
var documented = regexp.MustCompile(`(?m)^docker run (.*)-v ~/\.aws:(\S+?)(?::ro)? -e AWS_PROFILE IMAGE-installer `)

// findsTheProfile runs what README and pkg/docs/install.md say, with a profile in the folder that it
// mounts, and asks an STS of its own whose key has arrived.
func findsTheProfile(t *testing.T, root rootfs) {
	var commands [][]string
	for _, page := range []string{"../../README.md", "../docs/install.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		commands = append(commands, documented.FindAllStringSubmatch(string(text), -1)...)
	}
	users := map[bool]int{}
	for _, command := range commands {
		uid := uint32(0)
		if own := strings.Contains(command[1], `--user "$(id -u):$(id -g)"`); own {
			uid = anyone
		}
		users[uid == anyone]++
		usesProfile(t, root, command[2], uid)
	}
	if users[false] == 0 || users[true] == 0 {
		t.Errorf("the documents mount ~/.aws in %q; want a command of the image's user and one with --user", commands)
	}
}

// usesProfile mounts a profile that only the user may read, and wants its key to be used.
func usesProfile(t *testing.T, root rootfs, target string, uid uint32) {
	var mu sync.Mutex
	var keys []string
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, `<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>unknown</Message></Error></ErrorResponse>`)
	}))
	defer sts.Close()
	dir := filepath.Join(root.dir, target)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	credentials := filepath.Join(dir, "credentials")
	text := "[readme]\naws_access_key_id = AKIAREADMEREADME0000\naws_secret_access_key = a-secret-of-the-readme\n"
	if err := os.WriteFile(credentials, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, credentials} {
		if err := os.Chown(path, int(uid), int(uid)); err != nil {
			t.Fatal(err)
		}
	}
	root.config.Env = append(append([]string{}, root.config.Env...), "AWS_PROFILE=readme", "AWS_REGION=eu-central-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL_STS="+sts.URL)
	_, _, stderr := root.run(t, uid, "", "/usr/local/bin/perpetual", "info", "ci")
	mu.Lock()
	defer mu.Unlock()
	if len(keys) == 0 || !strings.Contains(keys[0], "Credential=AKIAREADMEREADME0000/") {
		t.Errorf("as user %d with ~/.aws at %s STS was asked with %q: %s", uid, target, keys, stderr)
	}
}
