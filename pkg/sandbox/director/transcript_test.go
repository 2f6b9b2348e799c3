package director_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exchange is one recorded request with its answer.
type exchange struct {
	file, at       string // "30-deploy-dep1", "09:40:38.640"
	number         int
	method, target string
	header         http.Header
	body           string
	status         int
	answer         http.Header
	reply          string
	lost           bool // a fault of the proxy answered, not the director
	cut            bool // the transcript holds only a part of a body
}

var (
	exchangeHead = regexp.MustCompile(`(?m)^=== #(\d+) ([\d:.]+).*\n`)
	statusLine   = regexp.MustCompile(`^< (\d{3}) `)
)

// readTranscripts reads the recordings of a folder in the order in which they were made.
func readTranscripts(t *testing.T, dir string) []exchange {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.http.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		heads := exchangeHead.FindAllSubmatchIndex(text, -1)
		for i, h := range heads {
			end := len(text)
			if i+1 < len(heads) {
				end = heads[i+1][0]
			}
			e := parseExchange(string(text[h[1]:end]))
			e.file = strings.TrimSuffix(filepath.Base(path), ".http.txt")
			e.number, _ = strconv.Atoi(string(text[h[2]:h[3]]))
			e.at = string(text[h[4]:h[5]])
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b exchange) int { return strings.Compare(a.at, b.at) })
	return all
}

func parseExchange(text string) exchange {
	e := exchange{header: http.Header{}, answer: http.Header{}}
	request, response, _ := strings.Cut(text, "\n\n< ")
	first, rest, _ := strings.Cut(request, "\n")
	parts := strings.Fields(first)
	e.method, e.target = parts[1], parts[2]
	e.body, e.cut = parseMessage(rest, ">", e.header)
	response = "< " + response
	first, rest, _ = strings.Cut(response, "\n")
	match := statusLine.FindStringSubmatch(first)
	if match == nil {
		e.lost = true
		return e
	}
	e.status, _ = strconv.Atoi(match[1])
	reply, cut := parseMessage(rest, "<", e.answer)
	e.reply, e.cut = reply, e.cut || cut
	return e
}

// parseMessage reads headers and the body after them; cut says that the body is not whole.
func parseMessage(text, mark string, header http.Header) (body string, cut bool) {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		if line == mark {
			body = rest
			break
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, mark+" "), ": ")
		if !ok || !strings.HasPrefix(line, mark+" ") {
			break
		}
		if !strings.HasPrefix(key, "(") {
			header.Set(key, value)
		}
		text = rest
	}
	if n, err := strconv.Atoi(header.Get("Content-Length")); err == nil {
		if n <= len(body) && strings.TrimSpace(body[n:]) == "" {
			return body[:n], false
		}
		if n < len(body) { // paths in it were shortened or lengthened after the recording
			return strings.TrimRight(body, "\n"), false
		}
		if !strings.HasSuffix(strings.TrimSpace(body), "gzip>") && n != len(strings.TrimRight(body, "\n")) {
			return body, n > len(body)+2
		}
	}
	return strings.TrimRight(body, "\n"), false
}
