module github.com/tasker-systems/tasker/workers/go

go 1.25

require github.com/pebbe/zmq4 v1.4.0
