package director_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// unpacked reads an archive.
func unpacked(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for r := tar.NewReader(z); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = string(content)
	}
}

// bytesReplaced packs a release again with other bytes in the templates of its jobs.
func bytesReplaced(t *testing.T, release []byte, old, new string) []byte {
	t.Helper()
	repack := func(files map[string]string, edit func(string) string) []byte {
		var list [][2]string
		for name, content := range files {
			list = append(list, [2]string{name, edit(content)})
		}
		return archive(list...)
	}
	outer := unpacked(t, release)
	for name, content := range outer {
		if name != "./release.MF" {
			outer[name] = string(repack(unpacked(t, []byte(content)), func(s string) string { return string(bytes.ReplaceAll([]byte(s), []byte(old), []byte(new))) }))
		}
	}
	return repack(outer, func(s string) string { return s })
}

func TestLogs_areABlobThatATaskNames(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{Logs: func(u director.Update) map[string][]byte {
		return map[string][]byte{
			"gate/post-start.stdout.log": []byte("waiting, " + u.Group + " " + u.AgentID),
			"web/web.stdout.log":         []byte("web"),
		}
	}})
	w.deployed(manifestOf("dep1", 2, "hello"), "")
	i := w.Instances("dep1")[0]
	want := "waiting, web " + i.AgentID
	for _, c := range []struct {
		query string
		files map[string]string
	}{
		{"?type=job", map[string]string{"./gate/post-start.stdout.log": want, "./web/web.stdout.log": "web"}},
		{"?type=job&filters=gate/*", map[string]string{"./gate/post-start.stdout.log": want}},
		{"?type=job&filters=nope,**/web.*.log", map[string]string{"./web/web.stdout.log": "web"}},
		{"?type=agent", map[string]string{}},
	} {
		for _, index := range []string{"0", i.ID} {
			task := w.ends(w.taskOf(w.do("GET", "/deployments/dep1/jobs/web/"+index+"/logs"+c.query, "")), director.StateDone)
			same(t, "description", task.Description, "fetch logs")
			r := w.do("GET", "/resources/"+*task.Result, "")
			same(t, "type", r.header.Get("Content-Type"), "application/x-gzip")
			got := unpacked(t, []byte(r.body))
			same(t, "files for "+c.query, len(got), len(c.files))
			for name, content := range c.files {
				same(t, name, got[name], content)
			}
		}
	}
	task := w.ends(w.taskOf(w.do("GET", "/deployments/dep1/jobs/web/*/logs?type=job", "")), director.StateDone)
	same(t, "archives of all", len(unpacked(t, []byte(w.do("GET", "/resources/"+*task.Result, "").body))), 2)
}

func TestLogs_ofWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 1, "hello"), "")
	same(t, "instance", w.do("GET", "/deployments/dep1/jobs/web/7/logs", "").body, `{"code":70001,"description":"'dep1/web/7' doesn't exist"}`)
	same(t, "deployment", w.do("GET", "/deployments/nope/jobs/web/0/logs", "").status, 404)
	same(t, "blob", w.do("GET", "/resources/nope", "").body, `{"code":100002,"description":"Resource 'nope' not found in the blobstore"}`)
	w.ends(w.taskOf(w.do("PUT", "/deployments/dep1/jobs/web?state=detached", "", "Content-Type", "text/yaml")), director.StateDone)
	id := w.taskOf(w.do("GET", "/deployments/dep1/jobs/web/0/logs?type=job", ""))
	w.ends(id, director.StateError)
	code, _ := w.failure(id)
	same(t, "code without a VM", code, 70004)
}
