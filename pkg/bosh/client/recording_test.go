package client_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// exchange is a request to a real director v283.1.6 and its answer.
type exchange struct {
	file              string
	method, uri, sent string
	status            int
	header            http.Header
	body              string
}

// recordings is the folder of all exchanges, where it is there; a few of them
// are copied to testdata.
const recordings = "../../../../shared/data/bosh-director"

// recorded reads the exchanges of a file.
func recorded(t testing.TB, name string) []exchange {
	t.Helper()
	return readExchanges(t, filepath.Join("testdata", "recordings", name+".http.txt"))
}

// readExchanges reads a transcript: "> " is sent, "< " received, a bare ">" or
// "<" ends a header and the body follows without a mark.
func readExchanges(t testing.TB, path string) []exchange {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var list []exchange
	var into *string
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := scanner.Text()
		current := len(list) - 1
		switch {
		case strings.HasPrefix(line, "=== #"):
			list, into = append(list, exchange{header: http.Header{}}), nil
		case current < 0:
		case strings.HasPrefix(line, "> ") && list[current].method == "":
			fields := strings.Fields(line)
			list[current].method, list[current].uri = fields[1], fields[2]
		case strings.HasPrefix(line, "< ") && list[current].status == 0:
			into = nil
			list[current].status, _ = strconv.Atoi(strings.Fields(line)[1])
		case strings.HasPrefix(line, "< "):
			name, value, _ := strings.Cut(line[2:], ": ")
			list[current].header.Add(name, value)
		case line == ">":
			into = &list[current].sent
		case line == "<":
			into = &list[current].body
		case into != nil:
			*into += line + "\n"
		}
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	for i := range list { // the transcript ends a body with empty lines of its own
		n, _ := strconv.Atoi(list[i].header.Get("Content-Length"))
		for len(list[i].body) > n && strings.HasSuffix(list[i].body, "\n") {
			list[i].body = strings.TrimSuffix(list[i].body, "\n")
		}
	}
	return list
}

// play answers as the recording did.
func (e exchange) play(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{"Content-Type", "Content-Range", "Www-Authenticate"} {
		if value := e.header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	if location := e.header.Get("Location"); location != "" {
		w.Header().Set("Location", location)
	}
	text(e.status, e.body)(w, r)
}

// The calls that make the requests of the recordings.
var calls = []struct {
	request *regexp.Regexp // METHOD URI; its group is a name or number
	call    func(*client.Client, *testing.T, string) error
}{
	{regexp.MustCompile(`^GET /tasks/(\d+)$`), func(c *client.Client, t *testing.T, id string) error {
		n, _ := strconv.Atoi(id)
		task, err := c.Task(t.Context(), n)
		if err == nil && task.ID != n {
			err = fmt.Errorf("task %d came for task %d", task.ID, n)
		}
		return err
	}},
	{regexp.MustCompile(`^GET /tasks\?`), func(c *client.Client, t *testing.T, _ string) error {
		_, err := c.Tasks(t.Context(), bosh.TaskFilter{})
		return err
	}},
	{regexp.MustCompile(`^GET /tasks/(\d+)/output\?type=event$`), func(c *client.Client, t *testing.T, id string) error {
		n, _ := strconv.Atoi(id)
		events, _, err := c.TaskEvents(t.Context(), n, 0)
		for _, event := range events {
			if strings.HasPrefix(string(event.Raw), `"`) {
				return fmt.Errorf("line %s was not understood", event.Raw)
			}
		}
		return err
	}},
	{regexp.MustCompile(`^POST /deployments(?:\?|$)`), func(c *client.Client, t *testing.T, _ string) error {
		_, err := c.Deploy(t.Context(), manifest, bosh.DeployOptions{})
		return err
	}},
	{regexp.MustCompile(`^POST /deployments/(\w+)/diff`), func(c *client.Client, t *testing.T, name string) error {
		_, err := c.Diff(t.Context(), name, manifest)
		return err
	}},
	{regexp.MustCompile(`^DELETE /deployments/(\w+)\??$`), func(c *client.Client, t *testing.T, name string) error {
		_, err := c.DeleteDeployment(t.Context(), name, bosh.DeleteOptions{})
		return err
	}},
	{regexp.MustCompile(`^GET /locks$`), func(c *client.Client, t *testing.T, _ string) error {
		_, err := c.Locks(t.Context())
		return err
	}},
	{regexp.MustCompile(`^GET /stemcells$`), func(c *client.Client, t *testing.T, _ string) error {
		_, err := c.Stemcells(t.Context())
		return err
	}},
	{regexp.MustCompile(`^GET /releases$`), func(c *client.Client, t *testing.T, _ string) error {
		_, err := c.Releases(t.Context())
		return err
	}},
	{regexp.MustCompile(`^GET /configs\?`), func(c *client.Client, t *testing.T, _ string) error {
		_, err := c.Configs(t.Context(), "cloud", "")
		return err
	}},
	{regexp.MustCompile(`^POST /configs$`), func(c *client.Client, t *testing.T, _ string) error {
		_, err := c.UpdateConfig(t.Context(), "cloud", "default", "{}", "")
		return err
	}},
	{regexp.MustCompile(`^POST /stemcells\??`), func(c *client.Client, t *testing.T, _ string) error {
		_, err := c.UploadStemcellURL(t.Context(), bosh.Upload{URL: "https://bosh.io/s"})
		return err
	}},
	{regexp.MustCompile(`^POST /releases\??`), func(c *client.Client, t *testing.T, _ string) error {
		_, err := c.UploadReleaseURL(t.Context(), bosh.Upload{URL: "https://bosh.io/r"})
		return err
	}},
}

// Every recorded answer is understood, and is an error exactly when a real
// director meant one.
func TestClient_understandsEveryRecordedAnswer(t *testing.T) {
	folders := []string{recordings, recordings + "-faults"}
	if _, err := os.Stat(recordings); err != nil {
		folders = []string{filepath.Join("testdata", "recordings")}
	}
	var now exchange
	director := newDirector(t, nil)
	director.fallback = func(w http.ResponseWriter, r *http.Request) { now.play(w, r) }
	config := login(director)
	config.Retry = retry.Never
	client := newClient(t, config)
	played, known := map[string]int{}, map[string]bool{}
	for _, e := range allExchanges(t, folders) {
		for _, c := range calls {
			group := c.request.FindStringSubmatch(e.method + " " + e.uri)
			if group == nil || known[e.method+e.uri+e.body] || cut(e) {
				continue
			}
			known[e.method+e.uri+e.body] = true
			played[c.request.String()]++
			now = e
			err := c.call(client, t, strings.Join(group[1:], ""))
			// A diff that the director could not make comes with status 200.
			failed := (e.status >= 400 && e.status != http.StatusRequestedRangeNotSatisfiable) || strings.Contains(e.body, "Unable to diff")
			var refused *bosh.ResponseError
			if (err != nil) != failed || (failed && (!errors.As(err, &refused) || refused.Status != e.status)) {
				t.Errorf("%s: %s %s answered %d %.200q: error %v", e.file, e.method, e.uri, e.status, e.body, err)
			}
		}
	}
	for _, c := range calls {
		if played[c.request.String()] == 0 && len(folders) > 1 {
			t.Errorf("no recording for %s", c.request)
		}
	}
}

// allExchanges reads every exchange with an answer in the folders.
func allExchanges(t *testing.T, folders []string) (list []exchange) {
	t.Helper()
	for _, folder := range folders {
		files, _ := filepath.Glob(filepath.Join(folder, "*.http.txt"))
		for _, file := range files {
			for _, e := range readExchanges(t, file) {
				if e.file = filepath.Base(file); e.status != 0 {
					list = append(list, e)
				}
			}
		}
	}
	return list
}

// cut says whether the transcript holds less than the whole, or a range from
// the middle of a line.
func cut(e exchange) bool {
	n, err := strconv.Atoi(e.header.Get("Content-Length"))
	ranged := e.header.Get("Content-Range")
	return (err == nil && n > len(e.body)) || (e.status == http.StatusPartialContent && !strings.HasPrefix(ranged, "bytes 0-"))
}
