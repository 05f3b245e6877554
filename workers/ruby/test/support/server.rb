# frozen_string_literal: true

require "fileutils"
require "json"
require "net/http"
require "tmpdir"

module TaskerWorker
  # `tasker server` on a database in a folder of its own, on endpoints that stay the same over restarts.
  class Server
    ROOT = File.expand_path("../../../..", __dir__)
    NODE = File.join(ROOT, "node_modules/.bin/node")
    TASKER = File.join(ROOT, "apps/cli/bin/tasker.js")

    attr_reader :endpoints

    # @param template [String] YAML
    def initialize(template)
      @folder = Dir.mktmpdir("tasker-ruby-")
      File.write(File.join(@folder, "template.yaml"), template)
      @address = "127.0.0.1:0"
    end

    def start
      reader, writer = IO.pipe
      @pid = Process.spawn({ "NO_COLOR" => "1" }, NODE, TASKER, "server", "--json", "--database", "tasker.db", "--http", @address,
                           "--templates", @folder, out: writer, err: File::NULL, chdir: @folder)
      writer.close
      line = reader.gets or raise "the server ended before it was ready"
      Thread.new { nil while reader.gets }
      @endpoints = JSON.parse(line)
      @address = @endpoints["http"].delete_prefix("http://")
    end

    def kill
      return if @pid.nil?

      Process.kill("KILL", @pid)
      Process.wait(@pid)
      @pid = nil
    end

    def close
      kill
      FileUtils.rm_rf(@folder)
    end

    def post(path, body)
      JSON.parse(Net::HTTP.post(URI(@endpoints["http"] + path), JSON.generate(body), "content-type" => "application/json").body)
    end

    def get(path) = JSON.parse(Net::HTTP.get(URI(@endpoints["http"] + path)))
  end
end
