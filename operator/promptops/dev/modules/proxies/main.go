// Command proxies prints which proxy kubectl's library would use: a line of JSON in, a line of JSON out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"golang.org/x/net/http/httpproxy"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

type question struct {
	Environment map[string]string `json:"environment"`
	Server      string            `json:"server"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		asked := question{}
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fail(err)
		}
		proxy, err := answer(asked)
		if err != nil {
			fail(err)
		}
		if err := answers.Encode(proxy); err != nil {
			fail(err)
		}
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func answer(asked question) (*string, error) {
	os.Clearenv()
	for name, value := range asked.Environment {
		os.Setenv(name, value)
	}
	server, err := url.Parse(asked.Server)
	if err != nil {
		return nil, err
	}
	// http.ProxyFromEnvironment looks once in the life of a process; this is what it calls.
	plain := func(request *http.Request) (*url.URL, error) {
		return httpproxy.FromEnvironment().ProxyFunc()(request.URL)
	}
	proxy, err := utilnet.NewProxierWithNoProxyCIDR(plain)(&http.Request{URL: server})
	if err != nil || proxy == nil {
		return nil, err
	}
	text := proxy.String()
	return &text, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
