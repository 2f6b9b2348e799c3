package login

import (
	"bytes"
	"strings"
)

// isPage says whether an answer is the page of a proxy or of a network's login. Its type
// alone does not tell: servers give any to answers without a body, such as CreateBucket's.
func isPage(contentType string, body []byte) bool {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(body) == 0 {
		return false
	}
	isXML := bytes.HasPrefix(body, []byte("<?xml"))
	for _, part := range [][2]string{{"<?", "?>"}, {"<!--", "-->"}} { // what may come before a document
		for bytes.HasPrefix(body, []byte(part[0])) {
			_, rest, ended := bytes.Cut(body, []byte(part[1]))
			if !ended {
				break
			}
			body = bytes.TrimSpace(rest)
		}
	}
	begin := strings.ToLower(string(body[:min(len(body), len("<!doctype html"))]))
	if strings.HasPrefix(begin, "<!doctype html") || strings.HasPrefix(begin, "<html") {
		return true
	}
	said := strings.HasPrefix(strings.ToLower(contentType), "text/html")
	return said && !isXML && !strings.HasPrefix(begin, "{")
}
