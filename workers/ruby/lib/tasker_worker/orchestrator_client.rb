# frozen_string_literal: true

require "json"
require "net/http"
require "uri"

module TaskerWorker
  # The orchestrator said no, or could not be reached.
  class OrchestratorError < StandardError
    # @return [String, nil] a stable name, e.g. `template_not_found`; nil when it could not be reached
    attr_reader :code
    # @return [Integer, nil] of HTTP
    attr_reader :status

    def initialize(message, code: nil, status: nil)
      super(message)
      @code = code
      @status = status
    end
  end

  # The few commands of the HTTP API that task handlers give.
  class OrchestratorClient
    UNREACHABLE = [SystemCallError, SocketError, IOError, Timeout::Error, Net::ProtocolError].freeze

    # @param url [String] `TASKER_URL`, else the default of `tasker server`
    def initialize(url = ENV.fetch("TASKER_URL", "http://127.0.0.1:8480"))
      @url = url.chomp("/")
    end

    # @param task [Hash] a body of `POST /v1/tasks`
    # @return [Hash] the task, durable by now
    # @raise [OrchestratorError]
    def submit(task)
      send_request(Net::HTTP::Post, "/v1/tasks", JsonText.generate(task))
    end

    # @param id [String]
    # @return [Hash] the task with its steps
    # @raise [OrchestratorError]
    def task(id)
      send_request(Net::HTTP::Get, "/v1/tasks/#{URI.encode_www_form_component(id)}")
    end

    private

    def send_request(kind, path, body = nil)
      uri = URI(@url + path)
      request = kind.new(uri, { "content-type" => "application/json", "accept" => "application/json" })
      request.body = body
      response = Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https") { |http| http.request(request) }
      return JsonText.parse(response.body.force_encoding(Encoding::UTF_8)) if response.is_a?(Net::HTTPSuccess)

      raise refusal(response)
    rescue *UNREACHABLE => e
      raise OrchestratorError, "cannot reach the orchestrator at #{@url}: #{e.message}; TASKER_URL says where it is"
    end

    def refusal(response)
      problem = JSON.parse(response.body)
      message = problem["detail"] || problem["title"] || response.message
      OrchestratorError.new("the orchestrator refused: #{message}", code: problem["code"], status: response.code.to_i)
    rescue JSON::ParserError
      OrchestratorError.new("the orchestrator answered #{response.code} #{response.message}", status: response.code.to_i)
    end
  end
end
